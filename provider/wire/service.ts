/** The gRPC service: which property trees each message carries, and the type of what answers it. */

import type { MethodDefinition, ServerUnaryCall, ServiceDefinition, UntypedServiceImplementation, sendUnaryData } from "@grpc/grpc-js";
import providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import { readMessage, writeMessage } from "./message.ts";
import type { Call } from "./session.ts";
import { answerError } from "./status.ts";

const generated = providerService.ResourceProviderService;

function carry<Read extends (bytes: Uint8Array) => unknown, Write extends (answer: never) => Buffer>(
  method: { readonly path: string },
  read: Read,
  write: Write,
): MethodDefinition<ReturnType<Read>, Parameters<Write>[0]> {
  return { ...method, requestDeserialize: read, responseSerialize: write } as never;
}

const checkRequest = readMessage(proto.CheckRequest, { olds: 2, news: 3 });
const diffRequest = readMessage(proto.DiffRequest, { oldState: 3, newInputs: 4, oldInputs: 6 });
const checkResponse = writeMessage({ inputs: 1 });

/** Methods that are not named here (Call, List, GetMapping, GetMappings, Parameterize) are answered with UNIMPLEMENTED. */
const methods = {
  handshake: generated.handshake,
  attach: generated.attach,
  getPluginInfo: generated.getPluginInfo,
  getSchema: generated.getSchema,
  cancel: generated.cancel,
  construct: generated.construct,
  checkConfig: carry(generated.checkConfig, checkRequest, checkResponse),
  diffConfig: carry(generated.diffConfig, diffRequest, writeMessage({})),
  configure: carry(generated.configure, readMessage(proto.ConfigureRequest, { args: 2 }), writeMessage({})),
  check: carry(generated.check, checkRequest, checkResponse),
  diff: carry(generated.diff, diffRequest, writeMessage({})),
  create: carry(generated.create, readMessage(proto.CreateRequest, { inputs: 2 }), writeMessage({ state: 2 })),
  read: carry(generated.read, readMessage(proto.ReadRequest, { state: 3, inputs: 4 }), writeMessage({ state: 2, inputs: 3 })),
  update: carry(
    generated.update,
    readMessage(proto.UpdateRequest, { oldState: 3, newInputs: 4, oldInputs: 8 }),
    writeMessage({ state: 1 }),
  ),
  delete: carry(generated.delete, readMessage(proto.DeleteRequest, { state: 3, inputs: 5 }), (answer: { serializeBinary(): Uint8Array }) =>
    Buffer.from(answer.serializeBinary()),
  ),
  invoke: carry(generated.invoke, readMessage(proto.InvokeRequest, { args: 2 }), writeMessage({ return: 1 })),
};

type Methods = typeof methods;

/** One asynchronous function per method; what it throws becomes a gRPC status. */
export type Service = {
  readonly [Name in keyof Methods]: Methods[Name] extends MethodDefinition<infer Request, infer Answer>
    ? (request: Request, call: Call) => Promise<Answer>
    : never;
};

export const serviceDefinition: ServiceDefinition = { ...generated, ...methods };

export function implementation(service: Service): UntypedServiceImplementation {
  const unary = Object.entries(service).map(([name, handle]) => [name, answer(handle as never)] as const);
  return Object.fromEntries(unary);
}

type Handle = (request: unknown, call: Call) => Promise<unknown>;

function answer(handle: Handle): (call: ServerUnaryCall<unknown, unknown>, callback: sendUnaryData<unknown>) => Promise<void> {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request, call));
    } catch (thrown) {
      callback(answerError(thrown));
    }
  };
}
