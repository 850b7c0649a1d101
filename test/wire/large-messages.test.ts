/** Messages as large as the engine lets them be, through the launcher and the compiled provider. */
import { credentials, status } from "@grpc/grpc-js";
import type { Client, ServiceError } from "@grpc/grpc-js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../provider/spec/value.ts";
import type { ValueMap } from "../../provider/spec/value.ts";
import { readMessage, writeMessage } from "../../provider/wire/message.ts";
import { compileProvider, startListening } from "./compiled-provider.ts";

const mebibyte = 1024 * 1024;
const limitBytes = 400 * mebibyte;
/** What Check adds, defaults and derived inputs, has to fit into its answer. */
const roomBytes = 4096;
/** Of a request, beside the two long texts. */
const otherBytes = 500;
const { launcher } = compileProvider();

/** No limits of its own: what is refused is refused by the provider. */
async function connect(): Promise<Client> {
  const { port } = await startListening(launcher, []);
  const unlimited = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
  const client = new providerService.ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure(), unlimited);
  onTestFinished(() => client.close());
  return client;
}

interface Checked {
  readonly inputs: ValueMap;
  readonly requestBytes: number;
  readonly answerBytes: number;
}

const encode = writeMessage({ news: 3 });
const decode = readMessage(proto.CheckResponse, { inputs: 1 });

function check(client: Client, news: ValueMap): Promise<Checked> {
  const message = new proto.CheckRequest().setUrn("urn:pulumi:dev::shop::bootable:qemu:MachineGroup::web");
  const request = encode({ message, trees: { news } });
  return new Promise((resolve, reject) => {
    const given = (error: ServiceError | null, answer?: Buffer): void => {
      if (answer === undefined) return reject(error ?? new Error("no answer"));
      resolve({ inputs: decode(answer).tree("inputs") ?? {}, requestBytes: request.length, answerBytes: answer.length });
    };
    const asItIs = (bytes: Buffer): Buffer => bytes;
    client.makeUnaryRequest("/pulumirpc.ResourceProvider/Check", asItIs, asItIs, request, given);
  });
}

/** Inputs whose request is that long: a secret of two bytes a character, and one string of all the rest. */
function inputsOf(bytes: number): { readonly inputs: ValueMap; readonly files: ValueMap } {
  const files = (long: string): ValueMap => ({ "/etc/secret": new Secret("ü".repeat(25 * mebibyte)), "/etc/long": long });
  const inputs = (long: string): ValueMap => ({
    image: `local/os@sha256:${"a".repeat(64)}`,
    machines: ["web-1"],
    files: files(long),
  });
  const long = "x".repeat(bytes - 50 * mebibyte - otherBytes);
  return { inputs: inputs(long), files: files(long) };
}

test("400 MiB there and back, 350 of them one string", async () => {
  const client = await connect();
  const { inputs, files } = inputsOf(limitBytes - roomBytes);
  const checked = await check(client, inputs);
  console.log(`${checked.requestBytes} bytes there, ${checked.answerBytes} back`);
  for (const bytes of [checked.requestBytes, checked.answerBytes]) {
    expect(bytes).toBeGreaterThan(limitBytes - 2 * roomBytes);
    expect(bytes).toBeLessThanOrEqual(limitBytes);
  }
  // Not compared as trees: a difference would be printed.
  const back = checked.inputs["files"] as ValueMap;
  const [secret, given] = [back["/etc/secret"] as Secret, files["/etc/secret"] as Secret];
  expect({ secret: secret instanceof Secret && secret.value === given.value, long: back["/etc/long"] === files["/etc/long"] }).toEqual({
    secret: true,
    long: true,
  });
});

test("what is longer is refused in words, and the provider lives on", async () => {
  const client = await connect();
  const refused = await check(client, inputsOf(limitBytes + 2 * roomBytes).inputs).catch((thrown: ServiceError) => thrown);
  expect(refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  expect((refused as ServiceError).details).toMatch(/^Received message larger than max \(\d+ vs 419430400\)$/);
  expect((await check(client, { image: `local/os@sha256:${"a".repeat(64)}`, machines: ["web-1"] })).inputs).toMatchObject({ cpus: 1 });
});
