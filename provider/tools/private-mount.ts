/**
 * Starts fill-root.ts in a mount namespace of its own. Whatever happens to it or to us, the kernel then takes back the mount
 * and its loop device: the namespace ends with its last process, and that one ends with us.
 */
import { Failure, type FailureParts } from "../failure.ts";
import type { MountRights, RootFilling } from "../model/mounted-root.ts";
import type { RunProgram } from "../model/program.ts";
import { administrators } from "./administrators.ts";
import { mountRights } from "./mount-rights.ts";
import { setfattr } from "./setfattr.ts";

const purpose = "to fill a root file system";

/** What fill-root.ts prints, one a line. */
export type FillingMessage = { readonly doneBytes: number } | { readonly failure: FailureParts };

/** The signal is sent by the kernel when we are gone, and stays with the process through what it becomes. */
export function privateArgs(command: readonly string[]): string[] {
  return ["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "--", ...command];
}

export function privateMount(
  run: RunProgram,
  paths: () => Readonly<Record<string, string>>,
): {
  rights(): Promise<MountRights>;
  check(signal: AbortSignal): Promise<void>;
  fillTree(filling: RootFilling): Promise<void>;
} {
  return {
    rights: mountRights,
    check: async (signal) => {
      await setfattr(run).check(signal);
      await run({ program: "setpriv", args: privateArgs(["true"]), purpose, signal });
    },
    fillTree: (filling) => fillTree(run, filling, paths()),
  };
}

async function fillTree(run: RunProgram, { directory, filesystem, signal, onDone }: RootFilling, paths: Readonly<Record<string, string>>) {
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const entry = new URL(`../fill-root${extension}`, import.meta.url).pathname;
  const command = [process.execPath, entry, directory, filesystem, JSON.stringify(paths)];
  let failure: FailureParts | undefined;
  const onLine = (line: string, stream: string): void => {
    if (stream !== "stdout") return;
    const message = JSON.parse(line) as FillingMessage;
    if ("failure" in message) failure = message.failure;
    else onDone(message.doneBytes);
  };
  const environment = administrators();
  await run({ program: "setpriv", args: privateArgs(command), purpose, environment, signal, onLine });
  if (failure !== undefined) throw new Failure(failure);
}
