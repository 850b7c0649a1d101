/** One Construct: the component's own code runs against the engine's resource monitor. Loads the SDK. */
import type * as pulumi from "@pulumi/pulumi";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import * as rpc from "@pulumi/pulumi/runtime/rpc.js";
import * as settings from "@pulumi/pulumi/runtime/settings.js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import type { ServedComponent } from "../spec/served.ts";
import { componentOptions } from "./construct-options.ts";
import { awaitFeatureSupport, deserializeInputs, setAllConfig, waitForRPCs, withLocalStorage } from "./sdk-runtime.ts";

type ConstructRequest = InstanceType<typeof proto.ConstructRequest>;
type ConstructResponse = InstanceType<typeof proto.ConstructResponse>;

export interface Construction {
  readonly request: ConstructRequest;
  readonly engineAddress: string;
  readonly component: ServedComponent;
}

export async function construct({ request, engineAddress, component }: Construction): Promise<ConstructResponse> {
  const make = await component.load();
  return withLocalStorage(async () => {
    await configureRuntime(request, engineAddress);
    const inputs = await deserializeInputs(request.getInputs(), request.getInputdependenciesMap());
    const { resource, outputs } = make(request.getName(), inputs, componentOptions(request));
    const response = await describe(request, resource as pulumi.Resource, outputs);
    await waitForRPCs();
    return response;
  });
}

async function configureRuntime(request: ConstructRequest, engineAddress: string): Promise<void> {
  settings.resetOptions(
    request.getProject(),
    request.getStack(),
    request.getParallel(),
    engineAddress,
    request.getMonitorendpoint(),
    request.getDryrun(),
    request.getOrganization(),
  );
  await awaitFeatureSupport();
  setAllConfig(Object.fromEntries(request.getConfigMap().getEntryList()), request.getConfigsecretkeysList());
}

async function describe(
  request: ConstructRequest,
  resource: pulumi.Resource,
  outputs: Readonly<Record<string, unknown>>,
): Promise<ConstructResponse> {
  const response = new proto.ConstructResponse();
  response.setUrn(await urnOf(resource));
  const label = `construct(${request.getType()}, ${request.getName()})`;
  const [state, dependencies] = await rpc.serializeResourceProperties(label, { ...outputs });
  response.setState(structProto.Struct.fromJavaScript(state as Record<string, structProto.JavaScriptValue>));
  const dependenciesByName = response.getStatedependenciesMap();
  for (const [name, resources] of dependencies) {
    const urns = await Promise.all([...resources].map(urnOf));
    dependenciesByName.set(name, new proto.ConstructResponse.PropertyDependencies().setUrnsList(urns));
  }
  return response;
}

function urnOf(resource: pulumi.Resource): Promise<string> {
  return new Promise((resolve) => resource.urn.apply(resolve));
}
