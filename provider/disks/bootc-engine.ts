/** Engine `bootc`: the image installs itself, by its own `bootc install to-disk` in a privileged container. No promise about bytes. */
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cancelled } from "../failure.ts";
import { checkRights } from "./bootc-engine-preflight.ts";
import { containerName, diskFile, loadIntoPodman, withContainers, type ContainerMaking } from "./container-making.ts";
import { checkRoom } from "./disk-full.ts";
import { verifyDisk } from "./verify-disk.ts";

const gibibyte = 1024 ** 3;
const smallestDefault = 10 * gibibyte;
const keysFile = "authorized_keys";

/** 10 GiB, or twice what the image takes unpacked: room for the next image beside the one that runs. */
export function defaultDiskBytes(imageBytes: number): number {
  return Math.max(smallestDefault, Math.ceil((2 * imageBytes) / gibibyte) * gibibyte);
}

/** Answers the path of the disk inside the folder. */
export async function makeByBootc(making: ContainerMaking): Promise<string> {
  const { options, programs, directory, identity, signal, onProgress } = making;
  const { containers } = programs;
  const { architecture } = options.platform;
  const podman = checkRights(await containers.rights(signal), { engine: "bootc", architecture });
  const name = containerName(directory, identity);
  return withContainers(making, { loads: [name] }, async () => {
    const image = await making.open(making.reference);
    onProgress({ phase: "giving the image to podman", doneBytes: 0 });
    const { sizeBytes } = await loadIntoPodman({ image, name, directory, containers, signal });
    await checkRoom(directory, sizeBytes);
    const path = join(directory, diskFile(name));
    await makeEmpty(path, options.sizeBytes ?? defaultDiskBytes(sizeBytes));
    const keys = options.rootSshAuthorizedKeys.map((key) => key.trim());
    if (keys.length > 0) await writeFile(join(directory, keysFile), `${keys.join("\n")}\n`, { mode: 0o600 });
    onProgress({ phase: "installing with bootc", doneBytes: 0 });
    const install = {
      name,
      directory,
      file: diskFile(name),
      filesystem: options.filesystem,
      targetImage: options.targetImage ?? "",
      kernelArguments: options.kernelArguments,
      ...(keys.length === 0 ? {} : { keysFile }),
      graphRoot: podman.graphRoot,
    };
    await containers.install(install, { signal, onLine: () => undefined });
    if (signal.aborted) throw cancelled("Making the disk");
    onProgress({ phase: "checking the disk", doneBytes: 0 });
    const maker = "bootc install to-disk";
    const { filesystem, deployment } = await verifyDisk({ path, architecture, maker, listing: programs.listing, signal });
    if (deployment === "not looked into")
      onProgress({ phase: `checked the disk, but not what is deployed on ${filesystem}`, doneBytes: 0 });
    return path;
  });
}

async function makeEmpty(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.truncate(sizeBytes);
}
