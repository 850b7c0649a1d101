/** What engines that run containers need: of the image, and of this computer; said before anything is pulled. */
import { describeFailure, Failure } from "../failure.ts";
import type { ContainerRights, PodmanFacts } from "../model/disk-container.ts";
import { bootcLabel, isBootcImage } from "../model/disk-engine.ts";
import type { DiskOptions } from "../model/disk.ts";
import { formatImageReference, type PinnedReference } from "../model/image-reference.ts";

export interface EngineImageFacts {
  readonly reference: PinnedReference;
  readonly labels: Readonly<Record<string, string>>;
}

/** `options` are settled. The same on every computer. */
export function checkEngineImage(options: DiskOptions, { reference, labels }: EngineImageFacts): void {
  const { engine, targetImage } = options;
  const name = formatImageReference(reference);
  const fits = isBootcImage(labels);
  if (engine !== "bootc" && engine !== "image-builder") {
    if (targetImage === undefined) return;
    throw refusal(
      `disk.targetImage is for the engine bootc, and ${name} has no label ${bootcLabel}=1, so it goes without that engine.`,
      "leave targetImage out, or build the image on a bootc base.",
    );
  }
  if (!fits) {
    throw refusal(
      `disk.engine is "${engine}", and image ${name} has no label ${bootcLabel}=1; only an image with it can install itself.`,
      "build the image on a bootc base, or set disk.engine to direct.",
    );
  }
  if (targetImage !== undefined) return;
  throw refusal(
    `Image ${name} lies in this computer's store, and a machine that the engine ${engine} makes must know where its updates come from.`,
    engine === "bootc"
      ? "set repository on the Image, or disk.targetImage to the reference that updates come from."
      : "set repository on the Image.",
  );
}

function refusal(message: string, fix: string): Failure {
  return new Failure({ kind: "input", code: "engine", message: `${message} Nothing was pulled.`, fix });
}

/** Podman reads `a:b` as two folders. */
export function checkFolder(directory: string): void {
  if (!directory.includes(":")) return;
  throw new Failure({
    kind: "environment",
    code: "rights",
    message: `The cache ${directory} has a colon in its path, and podman can give no such folder to a container. Nothing was pulled.`,
    fix: "set XDG_CACHE_HOME to a folder without one.",
  });
}

export interface Needs {
  readonly engine: "bootc" | "image-builder";
  /** Of the image; its own programs run. */
  readonly architecture: string;
}

/** Each thing that is missing on a line of its own, with what to do about it. */
export function checkRights(rights: ContainerRights, { engine, architecture }: Needs): PodmanFacts {
  const { podman } = rights;
  const lines = missing(rights, { engine, architecture });
  if (lines.length === 0 && !(podman instanceof Failure)) return podman;
  throw new Failure({
    kind: "environment",
    code: "rights",
    message: `disk.engine "${engine}" runs privileged containers, and this run may not. Nothing was pulled.`,
    detail: lines.map((line) => `- ${line}`).join("\n"),
    fix: "see to what is named above, or make the disk on a computer where it is so.",
  });
}

function missing({ userId, userNamespace, loopDevices, podman }: ContainerRights, { engine, architecture }: Needs): readonly string[] {
  const lines: string[] = [];
  if (userNamespace)
    lines.push("It runs in a user namespace, where root has no rights over devices: run it outside of rootless containers.");
  if (userId !== 0) lines.push(`It runs as user ${userId}, and root is needed: run pulumi with "sudo -E".`);
  if (engine === "bootc" && !loopDevices) {
    lines.push('There are no loop devices (no file /dev/loop-control): run "modprobe loop", or give the container that this is /dev.');
  }
  if (podman instanceof Failure) lines.push(describeFailure(podman).replaceAll("\n", "\n  "));
  else lines.push(...missingOfPodman(podman, architecture));
  return lines;
}

function missingOfPodman({ rootless, remote, architecture: own }: PodmanFacts, architecture: string): readonly string[] {
  const lines: string[] = [];
  if (rootless) lines.push("podman is rootless here: run pulumi as root.");
  if (remote) lines.push("podman works on another computer or in a machine: unset CONTAINER_HOST, or run pulumi there.");
  if (own !== architecture) {
    lines.push(`The image's own programs are for ${architecture}, and podman runs on ${own}: use a computer with such a processor.`);
  }
  return lines;
}
