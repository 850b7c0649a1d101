/**
 * Serves a package to the Pulumi engine over gRPC: prints the port on the first line of standard output and answers
 * until the engine goes away. Of Pulumi's SDK only the generated protocol is loaded; the rest of it takes a second or
 * two and doubles the memory, and is loaded when a component is first constructed.
 */
import { fstatSync } from "node:fs";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import pluginProto from "@pulumi/pulumi/proto/plugin_pb.js";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import { asFailure, cancelled, describeFailure, Failure } from "../failure.ts";
import type { Package } from "../spec/served.ts";
import { componentFailure, isOfComponent } from "./component-failure.ts";
import { configuration } from "./configuration.ts";
import { customResources } from "./custom-resources.ts";
import { implementation, serviceDefinition } from "./service.ts";
import type { Service } from "./service.ts";
import { Session } from "./session.ts";

/** The engine's own limit. */
const maximumMessageBytes = 400 * 1024 * 1024;
/** The engine kills what has not ended 5 s after its SIGINT. */
const shutdownMilliseconds = 4000;

/** Answers when the port line has been printed. The engine shows its user what a plugin that does not start has to say. */
export async function serve(make: () => Package): Promise<void> {
  try {
    await listen(new Session(make()));
  } catch (thrown) {
    process.stderr.write(`${describeFailure(asFailure(thrown))}\n`);
    process.exit(1);
  }
}

async function listen(session: Session): Promise<void> {
  session.engine.connect(engineAddress(process.argv.slice(2)));
  const server = new Server({
    "grpc.max_receive_message_length": maximumMessageBytes,
    "grpc.max_send_message_length": maximumMessageBytes,
  });
  server.addService(serviceDefinition, implementation(service(session)));
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, number: number): void => (error === null ? resolve(number) : reject(error));
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
  });
  stopWithTheEngine(session, server);
  surviveMistakes(session);
  process.stdout.write(`${port}\n`);
}

/** The first argument that is neither a flag nor a flag's value. */
function engineAddress(args: readonly string[]): string {
  return args.find((arg, index) => !arg.startsWith("-") && args[index - 1] !== "--tracing" && args[index - 1] !== "-tracing") ?? "";
}

function service(session: Session): Service {
  return { ...greeting(session), ...configuration(session), ...customResources(session), ...components(session) };
}

type Greeting = "handshake" | "attach" | "getPluginInfo" | "getSchema" | "cancel";

function greeting(session: Session): Pick<Service, Greeting> {
  return {
    handshake: async (request) => {
      session.engine.connect(request.getEngineAddress());
      const response = new proto.ProviderHandshakeResponse();
      response.setAcceptSecrets(true);
      response.setAcceptResources(true);
      response.setAcceptOutputs(true);
      response.setSupportsAutonamingConfiguration(true);
      return response;
    },
    attach: async (request) => {
      session.engine.connect(request.getAddress());
      return new emptyProto.Empty();
    },
    getPluginInfo: async () => new pluginProto.PluginInfo().setVersion(session.pkg.version),
    getSchema: async (request) => {
      if (request.getVersion() !== 0) throw unknownSchemaVersion(request.getVersion());
      return new proto.GetSchemaResponse().setSchema(session.pkg.schema());
    },
    cancel: async () => {
      session.abortAll(cancelled("The run"));
      return new emptyProto.Empty();
    },
  };
}

function components(session: Session): Pick<Service, "construct"> {
  return {
    construct: async (request, call) => {
      const component = session.find(session.pkg.components, request.getType(), "component");
      const limits = { what: `Constructing ${JSON.stringify(request.getName())}`, timeoutSeconds: 0 };
      const { construct } = await import("./construct.ts");
      return session.constructs.run(limits, async (signal, abort) => {
        call.on("cancelled", abort);
        return construct({ request, engineAddress: session.engine.address ?? "", component, signal });
      });
    },
  };
}

function unknownSchemaVersion(version: number): Failure {
  return new Failure({
    kind: "input",
    message: `Schema version ${version} was asked for, and this provider has version 0 only.`,
    fix: "use a Pulumi CLI and a provider of about the same age.",
  });
}

/** The engine sends SIGINT when it closes, and holds our standard input open as long as it lives. */
function stopWithTheEngine(session: Session, server: Server): void {
  const stop = (): void => stopServing(session, server);
  process.once("SIGINT", stop).once("SIGTERM", stop);
  if (fstatSync(0).isFIFO()) process.stdin.on("end", stop).on("error", stop).resume();
}

/** Calls under way get the time to say what they did. */
function stopServing(session: Session, server: Server): void {
  if (session.calls.count + session.constructs.count === 0) process.exit(0);
  session.abortAll(cancelled("The run"));
  server.tryShutdown(() => process.exit(0));
  setTimeout(() => process.exit(0), shutdownMilliseconds).unref();
}

/**
 * A mistake in one resource's work must not lose what the others have done: every call ends, half done work is saved.
 * What a component leaves uncaught ends the constructs only; the SDK rejects a promise or many for each child that the
 * engine refused, and none of them is the one that a construct waits for.
 */
function surviveMistakes(session: Session): void {
  const stop = (thrown: unknown): void => {
    if (isOfComponent(thrown)) return session.constructs.abortAll(componentFailure(thrown));
    const failure = asFailure(thrown);
    process.stderr.write(`${failure.detail ?? failure.message}\n`);
    session.abortAll(failure);
  };
  process.on("uncaughtException", stop).on("unhandledRejection", stop);
}
