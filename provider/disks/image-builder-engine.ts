/** Engine `image-builder`: an installer (ISO) by bootc-image-builder in a privileged container. No promise about bytes. */
import { mkdir, open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cancelled, Failure } from "../failure.ts";
import { installerPath } from "../model/disk-container.ts";
import { formatImageReference, isPinned, parseImageReference, type PinnedReference } from "../model/image-reference.ts";
import { checkRights } from "./bootc-engine-preflight.ts";
import { containerName, loadIntoPodman, withContainers, type ContainerMaking } from "./container-making.ts";

const sectorBytes = 2048;
const firstDescriptor = 16;
const configFile = "config.json";

/** Answers the path of the installer inside the folder. */
export async function makeInstaller(making: ContainerMaking): Promise<string> {
  const { options, programs, directory, identity, reference, signal, onProgress } = making;
  const { containers } = programs;
  const builder = pinned("builderImage", options.builderImage, "an image of bootc-image-builder");
  const name = containerName(directory, identity);
  // The installed machine follows the name that the builder is told; a tag of ours moves nobody else's.
  const { registry, repository } = pinned("targetImage", options.targetImage, "what updates come from");
  const alias = formatImageReference({ registry, repository, tag: name });
  const podman = checkRights(await containers.rights(signal), { engine: "image-builder", architecture: options.platform.architecture });
  const loads = [`${name}-image`, name];
  return withContainers(making, { loads, aliases: [alias] }, async () => {
    const image = await making.open(reference);
    const builderImage = await making.open(builder);
    onProgress({ phase: "giving the images to podman", doneBytes: 0 });
    await loadIntoPodman({ image, name: `${name}-image`, alias, directory, containers, signal });
    await loadIntoPodman({ image: builderImage, name, directory, containers, signal });
    const output = join(directory, "output");
    await mkdir(output, { mode: 0o700 });
    const { kernelArguments, rootSshAuthorizedKeys } = options;
    await writeFile(join(output, configFile), installerConfig(kernelArguments, rootSshAuthorizedKeys), { mode: 0o600 });
    onProgress({ phase: "building the installer", doneBytes: 0 });
    const { filesystem } = options;
    const target = formatImageReference({ registry, repository, digest: image.digest });
    const build = { name, directory: output, configFile, filesystem, image: target, graphRoot: podman.graphRoot };
    await containers.buildInstaller(build, { signal, onLine: () => undefined });
    if (signal.aborted) throw cancelled("Making the disk");
    const path = join(directory, "install.iso");
    await take(join(output, installerPath), path);
    await verifyInstaller(path);
    return path;
  });
}

function pinned(property: string, text: string | undefined, what: string): PinnedReference {
  const reference = text === undefined ? undefined : parseImageReference(text);
  if (reference !== undefined && isPinned(reference)) return reference;
  throw new Failure({
    kind: "input",
    code: "engine",
    message: `disk.${property} is ${text === undefined ? "not set" : `"${text}"`}, and the engine image-builder needs ${what} as repository@sha256:<digest>. Nothing was pulled.`,
    fix: `set disk.${property} so.`,
  });
}

/** A user of the configuration has one key; Check refuses more. */
function installerConfig(kernelArguments: readonly string[], [key]: readonly string[]): string {
  const kernel = kernelArguments.length === 0 ? {} : { kernel: { append: kernelArguments.join(" ") } };
  const user = key === undefined ? {} : { user: [{ name: "root", key: key.trim() }] };
  return `${JSON.stringify({ customizations: { ...user, ...kernel } }, undefined, 2)}\n`;
}

async function take(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    throw unverified(`it wrote no ${installerPath}`, error);
  }
}

/** A volume descriptor, and one that says where firmware finds a boot loader. Source: ECMA-119, 8; El Torito specification 1.0. */
async function verifyInstaller(path: string): Promise<void> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(2 * sectorBytes), 0, 2 * sectorBytes, firstDescriptor * sectorBytes);
  const mark = (sector: number): string => buffer.toString("latin1", sector * sectorBytes + 1, sector * sectorBytes + 6);
  if (bytesRead < 2 * sectorBytes || mark(0) !== "CD001") throw unverified("its file is no ISO 9660 image");
  const boots = buffer[sectorBytes] === 0 && buffer.toString("latin1", sectorBytes + 7, sectorBytes + 30) === "EL TORITO SPECIFICATION";
  if (!boots) throw unverified("its file has no boot record");
}

function unverified(what: string, cause?: unknown): Failure {
  return new Failure({
    kind: "tool",
    code: "unverified",
    message: `bootc-image-builder reported success, but ${what}.`,
    fix: "set disk.builderImage to a version that knows the type anaconda-iso.",
    ...(cause === undefined ? {} : { cause }),
  });
}
