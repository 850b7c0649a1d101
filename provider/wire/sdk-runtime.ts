/**
 * What Construct needs of the SDK's runtime and its type declarations leave out (marked @internal there, the same in
 * 3.248 to 3.270). To be removed when pulumi/pulumi#10915 gives custom resources and components one public server.
 */
import type proto from "@pulumi/pulumi/proto/provider_pb.js";
import type { ResourceHookBinding } from "@pulumi/pulumi";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import * as config from "@pulumi/pulumi/runtime/config.js";
import * as resource from "@pulumi/pulumi/runtime/resource.js";
import * as settings from "@pulumi/pulumi/runtime/settings.js";
import * as state from "@pulumi/pulumi/runtime/state.js";
import * as server from "@pulumi/pulumi/provider/server.js";

type ConstructRequest = InstanceType<typeof proto.ConstructRequest>;

interface Internals {
  /** Runs with a store (options, configuration, monitor) of its own, so that two Constructs do not see each other's. */
  readonly withLocalStorage: <Answer>(work: () => Promise<Answer>) => Promise<Answer>;
  readonly awaitFeatureSupport: () => Promise<void>;
  readonly waitForRPCs: () => Promise<void>;
  readonly setAllConfig: (values: Record<string, string>, secretKeys: readonly string[]) => void;
  readonly deserializeInputs: (
    inputs: Struct | undefined,
    dependencies: ReturnType<ConstructRequest["getInputdependenciesMap"]>,
  ) => Promise<Record<string, unknown>>;
  readonly hookBindingFromProto: (binding: ReturnType<ConstructRequest["getResourceHooks"]>) => ResourceHookBinding | undefined;
}

export const { withLocalStorage, awaitFeatureSupport, waitForRPCs, setAllConfig, deserializeInputs, hookBindingFromProto }: Internals = {
  ...state,
  ...settings,
  ...config,
  ...server,
  ...resource,
} as unknown as Internals;
