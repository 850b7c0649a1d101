/** Composition root: makes the real tools and rooms, hands them to the resources, starts the wire. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hybridImage } from "./components/hybrid-image.ts";
import { buildContexts } from "./context/build-contexts.ts";
import { disks } from "./disks/disks.ts";
import { machines } from "./hosts/qemu-machines.ts";
import { images } from "./registry/images.ts";
import { disk } from "./resources/disk.ts";
import { image } from "./resources/image.ts";
import { machineGroup } from "./resources/machine-group.ts";
import { systemClock } from "./rollout/clock.ts";
import { hybridParts } from "./schema.ts";
import { configurationInForce } from "./spec/configuration.ts";
import type { Package } from "./spec/served.ts";
import { ownDirectories } from "./storage/directories.ts";
import { removeFile } from "./storage/remove-file.ts";
import { temporaryFolders } from "./storage/temporary-folder.ts";
import { toolbox } from "./tools/toolbox.ts";
import { serve } from "./wire/serve.ts";

function bootable(): Package {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  const configuration = configurationInForce();
  const directories = ownDirectories();
  const tools = toolbox(() => configuration.now().tools);
  const contexts = buildContexts({ cacheDirectory: directories.cache });
  const stored = images({ storeDirectory: join(directories.data, "store"), runProgram: tools.runProgram });
  const made = disks({
    images: stored,
    artifacts: stored.diskArtifacts,
    programs: tools.forDisks,
    cacheDirectory: directories.cache,
    cacheSizeBytes: () => configuration.now().cacheSizeBytes,
  });
  const group = machines({ ...tools.forMachines, stateDirectory: directories.state });
  const withFolder = temporaryFolders(join(directories.cache, "work"));
  const offline = (): boolean => process.env["BOOTABLE_OFFLINE"] === "1";
  return {
    name: "bootable",
    version,
    schema: () => readFileSync(new URL("../schema.json", import.meta.url), "utf8"),
    resources: [
      image({ contexts, builders: tools.builders, images: stored, withFolder }),
      disk({ images: stored, disks: made, removeFile }),
      machineGroup({ images: stored, disks: made, machines: group, clock: systemClock, offline }),
    ],
    functions: [],
    components: [hybridImage({ ...hybridParts, version })],
    configure: configuration.configure,
  };
}

void serve(bootable);
