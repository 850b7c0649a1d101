/** The provider's own configuration: CheckConfig, DiffConfig and Configure. */
import { isDeepStrictEqual } from "node:util";
import proto from "@pulumi/pulumi/proto/provider_pb.js";
import { Failure } from "../failure.ts";
import type { CheckFailure } from "../spec/served.ts";
import { formatPath } from "../spec/value.ts";
import type { ValueMap } from "../spec/value.ts";
import type { Service } from "./service.ts";
import type { Session } from "./session.ts";

/** What the engine keeps among a provider's inputs for itself. */
const engineKeys: ReadonlySet<string> = new Set(["version", "pluginDownloadURL", "pluginChecksums", "parameterization"]);

export function configuration(session: Session): Pick<Service, "checkConfig" | "diffConfig" | "configure"> {
  return {
    checkConfig: async (request) => {
      const inputs = request.tree("news") ?? {};
      const { failures } = session.pkg.configure(settings(inputs));
      const message = new proto.CheckResponse();
      message.setFailuresList(failures.map(checkFailure));
      return { message, trees: { inputs } };
    },

    // Never a replacement, which would replace every resource; and not a word about a new version of the provider.
    diffConfig: async (request) => {
      const before = settings(request.tree("oldInputs") ?? {});
      const after = settings(request.tree("newInputs") ?? {});
      const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
        (key) => !isDeepStrictEqual(before[key], after[key]),
      );
      const message = new proto.DiffResponse();
      message.setChanges(changed.length > 0 ? proto.DiffResponse.DiffChanges.DIFF_SOME : proto.DiffResponse.DiffChanges.DIFF_NONE);
      message.setDiffsList(changed);
      return { message, trees: {} };
    },

    configure: async (request) => {
      const { config, failures } = session.pkg.configure(settings(request.tree("args") ?? {}));
      if (failures.length > 0) throw refuseConfiguration(session.pkg.name, failures);
      session.config = config;
      const message = new proto.ConfigureResponse();
      message.setAcceptsecrets(true);
      message.setAcceptresources(true);
      message.setAcceptoutputs(true);
      message.setSupportspreview(true);
      message.setSupportsAutonamingConfiguration(true);
      return { message, trees: {} };
    },
  };
}

/** The engine shows a property's value beside the reason, by its name alone: of a longer path it would show <nil>. */
export function checkFailure({ path, reason }: CheckFailure): InstanceType<typeof proto.CheckFailure> {
  const failure = new proto.CheckFailure();
  if (path.length === 1) failure.setProperty(formatPath(path));
  failure.setReason(path.length > 1 ? `${formatPath(path)}: ${reason}` : reason);
  return failure;
}

function refuseConfiguration(name: string, failures: readonly CheckFailure[]): Failure {
  return new Failure({
    kind: "input",
    message: failures.map(({ path, reason }) => `${name}:${formatPath(path)} ${reason}`).join("\n"),
    fix: `correct it with "pulumi config set", or where the program makes the provider.`,
  });
}

/** What users set, without what the engine and the SDKs keep in the same place. */
function settings(inputs: ValueMap): ValueMap {
  const own = Object.entries(inputs).filter(([key]) => !engineKeys.has(key) && !key.startsWith("__"));
  return Object.fromEntries(own);
}
