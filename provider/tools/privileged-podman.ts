/** Rootful podman for containers that make disks: what this computer allows, images in and out of its storage, and tidying up. */
import { Failure } from "../failure.ts";
import { isDigest } from "../model/digest.ts";
import {
  loadedName,
  type ContainerRights,
  type ImageLoad,
  type Leftovers,
  type LoadedImage,
  type PodmanFacts,
} from "../model/disk-container.ts";
import type { ProgramResult, RunProgram } from "../model/program.ts";
import { administrators } from "./administrators.ts";
import { mountRights } from "./mount-rights.ts";
import { lastLines } from "./output.ts";

const purpose = "to make a disk with an image's own programs";
/** Ctrl-C must be over soon; what is not removed by then is named. */
const tidySeconds = 10;
const anyExitCode: readonly number[] = Array.from({ length: 256 }, (_, code) => code);

export const infoArgs: readonly string[] = ["info", "--format=json"];

/** The folder is the name: podman 4 takes it from there, podman 5 from behind the colon. */
export function loadArgs(name: string): string[] {
  return ["pull", "--quiet", `oci:${name}:${loadedName(name)}`];
}

export function inspectArgs(name: string): string[] {
  return ["image", "inspect", "--format={{.Digest}} {{.Size}}", loadedName(name)];
}

/** `--time 0`: whatever runs inside ends with the container, and there is nothing that it should save. */
export function removeContainerArgs(name: string): string[] {
  return ["rm", "--force", "--ignore", "--time=0", name];
}

/** Of several names of one image only this one goes. */
export function removeImageArgs(image: string): string[] {
  return ["rmi", image];
}

export const listLoopsArgs: readonly string[] = ["--list", "--noheadings", "--raw", "--output=NAME,BACK-FILE"];

/**
 * Loop devices whose file has the name. Its folder is not always told: once the container has gone, the kernel knows the
 * path from its mount on only, and marks a file that was removed.
 */
export function parseLoops(text: string, fileName: string): string[] {
  const isOurs = (path: string): boolean => path.replace(/ \(deleted\)$/, "").endsWith(`/${fileName}`);
  return text
    .split("\n")
    .map((line) => /^(\S+) (.*)$/.exec(line.trim()))
    .flatMap((match) => (match?.[1] !== undefined && isOurs(unescaped(match[2] ?? "")) ? [match[1]] : []));
}

/** `--raw` writes odd bytes as \x20. */
function unescaped(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Looks only; nothing is started that stays. */
export async function containerRights(run: RunProgram, signal: AbortSignal): Promise<ContainerRights> {
  return { ...(await mountRights()), podman: await podmanFacts(run, signal) };
}

async function podmanFacts(run: RunProgram, signal: AbortSignal): Promise<PodmanFacts | Failure> {
  try {
    const lines: string[] = [];
    const onLine = (line: string, stream: string): void => void (stream === "stdout" && lines.push(line));
    await run({ program: "podman", args: infoArgs, purpose, signal, timeoutSeconds: 30, onLine });
    return parseInfo(lines.join("\n"));
  } catch (error) {
    if (error instanceof Failure && error.code !== "cancelled") return error;
    throw error;
  }
}

interface Info {
  readonly host?: { readonly arch?: string; readonly serviceIsRemote?: boolean; readonly security?: { readonly rootless?: boolean } };
  readonly store?: { readonly graphRoot?: string };
}

export function parseInfo(json: string): PodmanFacts {
  const { host, store } = JSON.parse(json) as Info;
  return {
    rootless: host?.security?.rootless ?? false,
    remote: host?.serviceIsRemote ?? false,
    graphRoot: store?.graphRoot ?? "/var/lib/containers/storage",
    architecture: host?.arch ?? "",
  };
}

export async function loadImage(run: RunProgram, { directory, name, alias, signal }: ImageLoad): Promise<LoadedImage> {
  const base = { program: "podman", purpose, workingDirectory: directory, signal };
  await run({ ...base, args: loadArgs(name) });
  const { stdout } = await run({ ...base, args: inspectArgs(name) });
  if (alias !== undefined) await run({ ...base, args: ["tag", loadedName(name), alias] });
  const [digest = "", size = ""] = stdout.trim().split(" ");
  if (isDigest(digest)) return { digest, sizeBytes: Number(size) };
  throw new Failure({ kind: "tool", message: `podman tells no digest of the image that it was given: ${JSON.stringify(stdout.trim())}.` });
}

export interface ContainerRun {
  readonly args: readonly string[];
  /** Subject of the message: `bootc install to-disk`. */
  readonly what: string;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/** Exit code and last lines are one message; 125 to 127 are podman's own. */
export async function runContainer(run: RunProgram, { args, what, signal, onLine }: ContainerRun): Promise<void> {
  const last = lastLines();
  const see = (line: string): void => {
    last.add(line);
    onLine(line);
  };
  const result = await run({ program: "podman", args, purpose, signal, exitCodes: anyExitCode, onLine: see });
  if (result.exitCode === 0) return;
  throw stopped(what, result, last.text());
}

function stopped(what: string, { exitCode }: ProgramResult, detail: string): Failure {
  const told = (message: string, fix: string): Failure =>
    new Failure({ kind: "tool", code: "exit", message, ...(detail === "" ? {} : { detail }), fix });
  if (exitCode === 125) return told(`podman could not start the container for ${what} (exit code 125).`, "mend what the last lines name.");
  if (exitCode === 126 || exitCode === 127) {
    return told(
      `The image has no program that can be started for ${what} (exit code ${exitCode}).`,
      "use an image that brings it; a label alone makes no bootc image.",
    );
  }
  return told(`${what} exited with code ${exitCode}.`, "mend what the last lines name, then run pulumi up again.");
}

/** Removes containers, loop devices and images under our names, there or not; answers what is still there. */
export async function tidyContainers(run: RunProgram, { containers, images, fileName }: Leftovers): Promise<readonly string[]> {
  const signal = AbortSignal.timeout(tidySeconds * 1000);
  const left: string[] = [];
  const attempt = async (what: string, argv: readonly [string, ...string[]], exitCodes = [0]): Promise<string> => {
    const [program, ...args] = argv;
    const result = await run({ program, args, purpose: "to tidy up", signal, exitCodes, environment: administrators() }).catch(() => {
      left.push(what);
    });
    return result?.stdout ?? "";
  };
  for (const name of containers) await attempt(`container ${name}`, ["podman", ...removeContainerArgs(name)]);
  for (const device of parseLoops(await attempt("loop devices", ["losetup", ...listLoopsArgs]), fileName)) {
    await attempt(`loop device ${device}`, ["losetup", "--detach", device]);
  }
  // 1: there is no such image, which is what was wanted; 2: it is in use by a container.
  for (const name of images) await attempt(`image ${name}`, ["podman", ...removeImageArgs(name)], [0, 1]);
  return left;
}
