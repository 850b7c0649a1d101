/** bootc-image-builder, for installers. Source: osbuild/image-builder, cmd/image-builder/bib_cmd.go and bootc-image-builder's README. */
import { loadedName, type InstallerBuild } from "../model/disk-container.ts";
import { privilegedArgs, storageMount } from "./bootc-install.ts";

export function buildInstallerArgs({ name, directory, configFile, filesystem, image, graphRoot }: InstallerBuild): string[] {
  const mounts = [`${directory}:/output`, storageMount(graphRoot), `${directory}/${configFile}:/config.json:ro`];
  return [
    ...privilegedArgs(name),
    ...mounts.map((mount) => `--volume=${mount}`),
    loadedName(name),
    "--type=anaconda-iso",
    `--rootfs=${filesystem}`,
    "--output=/output",
    "--config=/config.json",
    image,
  ];
}
