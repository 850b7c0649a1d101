/** The fixture provider as the engine sees it: a child process, spoken to with the SDK's own stubs. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { credentials, Server, ServerCredentials } from "@grpc/grpc-js";
import type { Client, MethodDefinition, ServiceError } from "@grpc/grpc-js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import engineService from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import type engineProto from "@pulumi/pulumi/proto/engine_pb.js";
import providerService from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import { onTestFinished } from "vitest";

const limits = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1, "grpc.max_metadata_size": 64 << 20 };

export interface FakeEngine {
  readonly address: string;
  /** `severity text`, with a star in front of what is ephemeral. */
  readonly lines: string[];
}

export async function startEngine(): Promise<FakeEngine> {
  const lines: string[] = [];
  const server = new Server();
  const log = (call: { request: engineProto.LogRequest }, answer: (error: null, value: unknown) => void): void => {
    const { ephemeral, severity, message } = call.request.toObject();
    lines.push(`${ephemeral ? "*" : ""}${["debug", "info", "warning", "error"][severity]} ${message}`);
    answer(null, new emptyProto.Empty());
  };
  server.addService(engineService.EngineService, { log });
  const port = await listen(server);
  onTestFinished(() => server.forceShutdown());
  return { address: `127.0.0.1:${port}`, lines };
}

export function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

type Methods = typeof providerService.ResourceProviderService;
type RequestOf<Method> = Method extends { requestSerialize: (value: infer Request) => unknown } ? Request : never;
type AnswerOf<Method> = Method extends { responseDeserialize: (bytes: Buffer) => infer Answer } ? Answer : never;

export interface ProviderProcess {
  readonly client: providerService.ResourceProviderClient;
  /** Calls a method with the SDK's own stubs; rejects with the status. */
  readonly call: <Name extends keyof Methods>(name: Name, request: RequestOf<Methods[Name]>) => Promise<AnswerOf<Methods[Name]>>;
  readonly process: ChildProcess;
  /** The folder that stands for the world outside. */
  readonly world: string;
  readonly startedMilliseconds: number;
  readonly exited: Promise<number | null>;
}

const fixture = join(import.meta.dirname, "fixture/main.ts");

export async function startProvider(args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Promise<ProviderProcess> {
  const world = mkdtempSync(join(tmpdir(), "probe-world-"));
  const started = performance.now();
  const env = { ...process.env, CI: "", PROBE_WORLD: world, ...environment };
  const child = spawn(process.execPath, [fixture, ...args], { stdio: ["ignore", "pipe", "inherit"], env });
  const exited = new Promise<number | null>((resolve) => void child.once("exit", resolve));
  const [port] = await new Promise<string[]>((resolve) => void createInterface(child.stdout).once("line", (line) => resolve([line])));
  const startedMilliseconds = performance.now() - started;
  const client = new providerService.ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure(), limits);
  onTestFinished(async () => {
    client.close();
    child.kill("SIGKILL");
    await exited;
    rmSync(world, { recursive: true, force: true });
  });
  return { client, call: (name, request) => callMethod(client, name, request), process: child, world, startedMilliseconds, exited };
}

function callMethod<Name extends keyof Methods>(client: Client, name: Name, request: unknown): Promise<AnswerOf<Methods[Name]>> {
  const { path, requestSerialize, responseDeserialize } = providerService.ResourceProviderService[name] as MethodDefinition<
    unknown,
    unknown
  >;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) =>
      error === null ? resolve(answer as AnswerOf<Methods[Name]>) : reject(error),
    );
  });
}

/** The status of a call that has to be refused: its code and its whole message. */
export async function refused(
  answer: Promise<unknown>,
): Promise<{ readonly code: number; readonly details: string; readonly error: ServiceError }> {
  const error = await answer.then(
    () => undefined,
    (thrown: ServiceError) => thrown,
  );
  if (error === undefined) throw new Error("the call was answered");
  return { code: error.code, details: error.details, error };
}

export function struct(json: object): structProto.Struct {
  return structProto.Struct.fromJavaScript(json as Record<string, structProto.JavaScriptValue>);
}

/** Waits until a file is there: what a process tells to a test. */
export async function fileAppears(path: string): Promise<void> {
  while (!existsSync(path)) await new Promise((resolve) => setTimeout(resolve, 10));
}
