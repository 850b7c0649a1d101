/** The engine's resource monitor, as far as a component needs it: it takes note of what is registered. */
import { Server, status } from "@grpc/grpc-js";
import emptyProto from "google-protobuf/google/protobuf/empty_pb.js";
import resourceService from "@pulumi/pulumi/proto/resource_grpc_pb.js";
import resourceProto from "@pulumi/pulumi/proto/resource_pb.js";
import { onTestFinished } from "vitest";
import { listen, struct } from "./provider-process.ts";

type Request = InstanceType<typeof resourceProto.RegisterResourceRequest>;

export interface FakeMonitor {
  readonly address: string;
  readonly registered: Request[];
  find(name: string, type: string): Request;
}

export interface MonitorOptions {
  readonly stack: string;
  /** Outputs by type, added to the inputs. */
  readonly outputs?: Readonly<Record<string, object>>;
  /** Resources whose registration is refused, as for a failed Check. */
  readonly refuse?: readonly string[];
}

type Answer = (error: object | null, value?: unknown) => void;

export async function startMonitor({ stack, outputs = {}, refuse = [] }: MonitorOptions): Promise<FakeMonitor> {
  const registered: Request[] = [];
  const server = new Server();
  server.addService(resourceService.ResourceMonitorService, {
    supportsFeature: (_: unknown, answer: Answer) => answer(null, new resourceProto.SupportsFeatureResponse().setHassupport(true)),
    registerResource: ({ request }: { request: Request }, answer: Answer) => {
      registered.push(request);
      if (refuse.includes(request.getName())) return answer({ code: status.UNKNOWN, details: "resource monitor shut down" });
      const object = { ...(request.getObject()?.toJavaScript() as object), ...outputs[request.getType()] };
      const urn = `urn:pulumi:${stack}::shop::${request.getType()}::${request.getName()}`;
      answer(null, new resourceProto.RegisterResourceResponse().setUrn(urn).setId(request.getName()).setObject(struct(object)));
    },
    registerResourceOutputs: (_: unknown, answer: Answer) => answer(null, new emptyProto.Empty()),
  });
  const port = await listen(server);
  onTestFinished(() => server.forceShutdown());
  const find = (name: string, type: string): Request => {
    const request = registered.find((one) => one.getName() === name && one.getType() === type);
    if (request === undefined) throw new Error(`${type} ${name} was not registered`);
    return request;
  };
  return { address: `127.0.0.1:${port}`, registered, find };
}
