/** `bootc install to-disk`, run inside the image that is installed. Source: bootc, docs/src/bootc-install.md and man/bootc-install-to-disk. */
import { basename, dirname } from "node:path";
import { loadedName, type BootcInstall } from "../model/disk-container.ts";

/** Where bootc and bootc-image-builder look for images, whatever the computer's settings. */
const storage = "/var/lib/containers/storage";

export function storageMount(graphRoot: string): string {
  return graphRoot === storage ? `${dirname(storage)}:${dirname(storage)}` : `${graphRoot}:${storage}`;
}

/** What every privileged container gets: nothing is pulled, nothing stays. */
export function privilegedArgs(name: string): string[] {
  return ["run", "--rm", "--pull=never", `--name=${name}`, "--privileged", "--security-opt=label=type:unconfined_t"];
}

/** `--pid=host`: bootc asks the podman outside for the image that it runs in. */
export function installArgs(install: BootcInstall): string[] {
  const { name, directory, file, graphRoot, keysFile } = install;
  const mounts = ["/dev:/dev", storageMount(graphRoot), `${directory}:${directory}`].map((mount) => `--volume=${mount}`);
  const keys = keysFile === undefined ? [] : [`--root-ssh-authorized-keys=${directory}/${basename(keysFile)}`];
  const options = [
    "--via-loopback",
    "--generic-image",
    "--skip-fetch-check",
    `--filesystem=${install.filesystem}`,
    `--target-imgref=${install.targetImage}`,
    ...install.kernelArguments.map((argument) => `--karg=${argument}`),
    ...keys,
  ];
  const command = ["bootc", "install", "to-disk", ...options, `${directory}/${basename(file)}`];
  return [...privilegedArgs(name), "--pid=host", ...mounts, loadedName(name), ...command];
}
