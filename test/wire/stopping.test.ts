/** Ctrl-C, timeouts, signals and lost engines: calls end soon, and say why. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import { expect, test } from "vitest";
import { fileAppears, refused, startProvider, struct } from "./provider-process.ts";
import type { ProviderProcess } from "./provider-process.ts";

function create({ call }: ProviderProcess, name: string, { timeoutSeconds = 0, ...inputs }: Inputs): Promise<unknown> {
  const request = new proto.CreateRequest().setUrn(`urn:pulumi:dev::shop::probe:index:Thing::${name}`);
  return call("create", request.setProperties(struct(inputs)).setTimeout(timeoutSeconds));
}

interface Inputs {
  readonly mode?: string;
  readonly content?: string;
  readonly timeoutSeconds?: number;
}

async function timed<Answer>(work: Promise<Answer>): Promise<Answer & { readonly milliseconds: number }> {
  const started = performance.now();
  const answer = await work;
  return { ...answer, milliseconds: performance.now() - started };
}

test("cancel ends the calls under way within a second, children included, and no later ones", async () => {
  const provider = await startProvider();
  const { call, world } = provider;
  const slow = refused(create(provider, "slow", { mode: "slow" }));
  const parent = refused(create(provider, "parent", { mode: "child" }));
  await Promise.all([fileAppears(join(world, "slow.started")), fileAppears(join(world, "parent.child"))]);
  await call("cancel", new emptyProto.Empty());
  const [first, second] = await Promise.all([timed(slow), timed(parent)]);
  expect(first).toMatchObject({ code: status.CANCELLED, details: 'Making thing "slow" was cancelled.' });
  expect(second).toMatchObject({ code: status.CANCELLED, details: 'Making thing "parent" was cancelled.' });
  expect(Math.max(first.milliseconds, second.milliseconds)).toBeLessThan(1000);
  expect(isAlive(Number(readFileSync(join(world, "parent.child"), "utf8")))).toBe(false);
  await expect(create(provider, "later", { content: "a" })).resolves.toBeDefined();
});

test("work that does not listen is left behind", async () => {
  const provider = await startProvider();
  const deaf = refused(create(provider, "deaf", { mode: "deaf", timeoutSeconds: 0.1 }));
  expect(await deaf).toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    details:
      'Creating "deaf" took longer than the 0.1 s that the resource\'s customTimeouts.create allows, and was stopped.\n' +
      'Creating "deaf" was cancelled.\n' +
      "It did not stop within 2 s and was left behind; what it made so far may be there.\n" +
      "fix: raise customTimeouts.create or leave it out, then run pulumi up again.",
  });
});

test("a custom timeout stops the work and says so", async () => {
  const provider = await startProvider();
  expect(await refused(create(provider, "slow", { mode: "slow", timeoutSeconds: 0.25 }))).toMatchObject({
    code: status.DEADLINE_EXCEEDED,
    details:
      'Creating "slow" took longer than the 0.25 s that the resource\'s customTimeouts.create allows, and was stopped.\n' +
      'Making thing "slow" was cancelled.\n' +
      "fix: raise customTimeouts.create or leave it out, then run pulumi up again.",
  });
});

test("a caller that goes away stops its call", async () => {
  const provider = await startProvider();
  const { client, world } = provider;
  const request = new proto.CreateRequest().setUrn("urn:pulumi:dev::shop::probe:index:Thing::parent");
  const running = client.create(request.setProperties(struct({ mode: "child" })), () => undefined);
  await fileAppears(join(world, "parent.child"));
  running.cancel();
  await gone(Number(readFileSync(join(world, "parent.child"), "utf8")));
  expect(provider.process.exitCode).toBeNull();
});

test.each(["SIGTERM", "SIGINT"] as const)("%s: calls end, then the process", async (signal) => {
  const provider = await startProvider();
  const slow = refused(create(provider, "slow", { mode: "slow" }));
  await fileAppears(join(provider.world, "slow.started"));
  provider.process.kill(signal);
  expect(await slow).toMatchObject({ code: status.CANCELLED, details: 'Making thing "slow" was cancelled.' });
  provider.client.close();
  expect(await provider.exited).toBe(0);
});

test("a mistake that nobody catches ends the calls and not the process", async () => {
  const provider = await startProvider();
  const { code, details } = await refused(create(provider, "stray", { mode: "stray" }));
  expect({ code, lines: details.split("\n").slice(0, 3) }).toEqual({
    code: status.INTERNAL,
    lines: [
      "Something went wrong inside the bootable provider: nobody waits for this",
      'Making thing "stray" was cancelled.',
      "TypeError: nobody waits for this",
    ],
  });
  await expect(create(provider, "later", { content: "a" })).resolves.toBeDefined();
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}
