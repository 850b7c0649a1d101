/** The options of a component under construction, all of them: the SDK's own server drops three. */
import * as pulumi from "@pulumi/pulumi";
import type aliasProto from "@pulumi/pulumi/proto/alias_pb.js";
import type proto from "@pulumi/pulumi/proto/provider_pb.js";
import * as rpc from "@pulumi/pulumi/runtime/rpc.js";
import { DependencyProviderResource, DependencyResource } from "@pulumi/pulumi/resource.js";
import { hookBindingFromProto } from "./sdk-runtime.ts";

type ConstructRequest = InstanceType<typeof proto.ConstructRequest>;

export function componentOptions(request: ConstructRequest): pulumi.ComponentResourceOptions {
  const parent = request.getParent();
  const deletedWith = request.getDeletedwith();
  const trigger = request.getReplacementTrigger();
  return {
    aliases: request.getAliasesList().map(alias),
    dependsOn: request.getDependenciesList().map(reference),
    providers: providers(request),
    ignoreChanges: request.getIgnorechangesList(),
    replaceOnChanges: request.getReplaceonchangesList(),
    replaceWith: request.getReplaceWithList().map(reference),
    ...unlistedOptions(request),
    ...present("parent", parent === "" ? undefined : reference(parent)),
    ...present("protect", request.getProtect()),
    ...present("retainOnDelete", request.getRetainondelete()),
    ...present("customTimeouts", timeouts(request)),
    ...present("deletedWith", deletedWith === "" ? undefined : reference(deletedWith)),
    ...present("hooks", hookBindingFromProto(request.getResourceHooks())),
    ...present("replacementTrigger", trigger === undefined ? undefined : rpc.deserializeProperty(trigger.toJavaScript(), true)),
  };
}

function present<Name extends keyof pulumi.ComponentResourceOptions>(
  name: Name,
  value: pulumi.ComponentResourceOptions[Name] | undefined,
): pulumi.ComponentResourceOptions {
  return value === undefined ? {} : { [name]: value };
}

/** By their types options of custom resources only; the SDK sends them for components too. */
function unlistedOptions(request: ConstructRequest): object {
  const names = request.getAdditionalsecretoutputsList();
  const deleteBeforeReplace = request.getDeletebeforereplace();
  return {
    ...(names.length === 0 ? {} : { additionalSecretOutputs: names }),
    ...(deleteBeforeReplace === undefined ? {} : { deleteBeforeReplace }),
  };
}

function reference(urn: string): pulumi.Resource {
  return new DependencyResource(urn);
}

function providers(request: ConstructRequest): Record<string, pulumi.ProviderResource> {
  const entries = request.getProvidersMap().getEntryList();
  return Object.fromEntries(entries.map(([name, ref]) => [name, new DependencyProviderResource(ref)]));
}

function timeouts(request: ConstructRequest): pulumi.CustomTimeouts | undefined {
  const given = request.getCustomtimeouts()?.toObject();
  if (given === undefined) return undefined;
  return Object.fromEntries(Object.entries(given).filter(([, text]) => text !== ""));
}

function alias(message: aliasProto.Alias): string | pulumi.Alias {
  const spec = message.getSpec();
  if (spec === undefined) return message.getUrn();
  const named = { name: spec.getName(), type: spec.getType(), project: spec.getProject(), stack: spec.getStack() };
  const given = Object.fromEntries(Object.entries(named).filter(([, text]) => text !== ""));
  if (spec.hasParenturn()) return { ...given, parent: spec.getParenturn() };
  return spec.getNoparent() ? { ...given, parent: pulumi.rootStackResource } : given;
}
