/** One Construct: the component's own code runs against the engine's resource monitor. Loads the SDK. */
import type * as pulumi from "@pulumi/pulumi";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import * as rpc from "@pulumi/pulumi/runtime/rpc.js";
import * as settings from "@pulumi/pulumi/runtime/settings.js";
import structProto from "google-protobuf/google/protobuf/struct_pb.js";
import { cancelled } from "../failure.ts";
import type { Failure } from "../failure.ts";
import type { ServedComponent } from "../spec/served.ts";
import { componentFailure } from "./component-failure.ts";
import { componentOptions } from "./construct-options.ts";
import { awaitFeatureSupport, deserializeInputs, setAllConfig, waitForRPCs, withLocalStorage } from "./sdk-runtime.ts";

type ConstructRequest = InstanceType<typeof proto.ConstructRequest>;
type ConstructResponse = InstanceType<typeof proto.ConstructResponse>;

export interface Construction {
  readonly request: ConstructRequest;
  readonly engineAddress: string;
  readonly component: ServedComponent;
  readonly signal: AbortSignal;
}

/** Ends with the signal: the SDK's own work cannot be stopped, and waits forever for a part that was not made. */
export async function construct(construction: Construction): Promise<ConstructResponse> {
  const { signal, request } = construction;
  const aborted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(abortFailure(signal.reason, request.getName()));
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([make(construction), aborted]);
  } catch (thrown) {
    throw componentFailure(thrown);
  }
}

function abortFailure(reason: unknown, name: string): Failure {
  const failure = componentFailure(reason);
  return failure.code === "cancelled" ? cancelled(`Constructing ${JSON.stringify(name)}`) : failure;
}

async function make({ request, engineAddress, component }: Construction): Promise<ConstructResponse> {
  const constructComponent = await component.load();
  return withLocalStorage(async () => {
    await configureRuntime(request, engineAddress);
    const inputs = await deserializeInputs(request.getInputs(), request.getInputdependenciesMap());
    const { resource, outputs } = constructComponent(request.getName(), inputs, componentOptions(request));
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
