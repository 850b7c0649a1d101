/** Runs a builder and, when it stops, tells why: the step, the exit code, the last lines, what it left behind. */
import { cancelled, Failure } from "../failure.ts";
import type { RunProgram } from "../model/program.ts";
import type { BuildRequest } from "../resources/ports.ts";
import type { BuildFolder } from "./build-folder.ts";
import { missingEmulator } from "./foreign-platform.ts";
import { lastLines } from "./output.ts";
import { missingIds } from "./subordinate-ids.ts";

export interface BuildRun {
  readonly run: RunProgram;
  readonly program: string;
  readonly args: readonly string[];
  readonly request: BuildRequest;
  readonly folder: BuildFolder;
  /** Left out: the computer's own, or several in one run. */
  readonly platform?: string;
}

/** Every exit code is an answer: it becomes part of a message that also knows the step. */
const anyExitCode: readonly number[] = Array.from({ length: 256 }, (_, code) => code);

export async function runBuild(build: BuildRun): Promise<void> {
  const { run, program, args, request, folder } = build;
  const steps = watchSteps();
  const last = lastLines();
  const onLine = (line: string): void => {
    steps.see(line);
    last.add(line);
    request.onLine(line);
  };
  const what = `The build of ${request.containerfile}${build.platform === undefined ? "" : ` for ${build.platform}`}`;
  const { exitCode } = await run({
    program,
    args,
    purpose: `to build ${request.containerfile}`,
    workingDirectory: folder.path,
    signal: request.signal,
    redact: [...Object.values(request.secrets), ...request.redact],
    exitCodes: anyExitCode,
    // A builder whose step ends removes its working containers; podman does not when it is told to end itself.
    stopChildrenFirst: true,
    onLine,
  }).catch((error: unknown) => {
    throw error instanceof Failure && error.code === "cancelled" ? cancelled(`${what} with ${program}`) : error;
  });
  if (exitCode === 0) return;
  const left = `Nothing was published; finished steps stay in ${program}'s cache.`;
  throw new Failure({
    kind: "tool",
    code: "exit",
    message: `${what} stopped at ${steps.current() ?? "its start"}: ${program} exited with code ${exitCode}. ${left}`,
    detail: last.text(),
    fix: await fixFor(build),
  });
}

async function fixFor({ platform, program }: BuildRun): Promise<string> {
  const emulator = await missingEmulator(platform);
  const ids = program === "docker" ? undefined : await missingIds();
  if (emulator === undefined && ids !== undefined)
    return `run "${ids}${program === "podman" ? " && podman system migrate" : ""}": without rights, steps need ids for the users inside an image.`;
  if (emulator === undefined) return "mend what the last lines name, then run pulumi up again.";
  return (
    `install qemu-user-static: this computer cannot run the programs of ${platform} by itself, ` +
    `and no ${emulator} is registered with its kernel.`
  );
}

/** Remembers the step that a builder is at, from the lines that it prints; for display only. */
export function watchSteps(): { readonly see: (line: string) => void; readonly current: () => string | undefined } {
  let step: string | undefined;
  const see = (line: string): void => {
    const buildah = /^(?:\[\d+\/\d+\] )?STEP \d+\/\d+: (.*)$/.exec(line);
    const buildkit = /^#\d+ \[(?:[^\]]* )?\d+\/\d+\] (.*)$/.exec(line);
    const [, text] = buildah ?? buildkit ?? [];
    if (text !== undefined) step = `"${shorten(text)}"`;
  };
  return { see, current: () => step };
}

const longestStep = 200;

function shorten(text: string): string {
  return text.length > longestStep ? `${text.slice(0, longestStep)}…` : text;
}
