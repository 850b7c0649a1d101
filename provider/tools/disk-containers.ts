/** The containers that make disks: bootc's own installer and bootc-image-builder, each run by rootful podman. */
import type { BootcInstall, ContainerRights, ImageLoad, InstallerBuild, Leftovers, LoadedImage } from "../model/disk-container.ts";
import type { RunProgram } from "../model/program.ts";
import { installArgs } from "./bootc-install.ts";
import { buildInstallerArgs } from "./image-builder.ts";
import { containerRights, loadImage, runContainer, tidyContainers } from "./privileged-podman.ts";

interface Watching {
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

export function diskContainers(run: RunProgram): {
  rights(signal: AbortSignal): Promise<ContainerRights>;
  load(load: ImageLoad): Promise<LoadedImage>;
  install(install: BootcInstall, watching: Watching): Promise<void>;
  buildInstaller(build: InstallerBuild, watching: Watching): Promise<void>;
  tidy(leftovers: Leftovers): Promise<readonly string[]>;
} {
  return {
    rights: (signal) => containerRights(run, signal),
    load: (load) => loadImage(run, load),
    install: (install, watching) => runContainer(run, { ...watching, args: installArgs(install), what: "bootc install to-disk" }),
    buildInstaller: (build, watching) => runContainer(run, { ...watching, args: buildInstallerArgs(build), what: "bootc-image-builder" }),
    tidy: (leftovers) => tidyContainers(run, leftovers),
  };
}
