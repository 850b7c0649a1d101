/** Composition root: makes the real tools and rooms, hands them to the resources, starts the wire. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { hybridImage } from "./components/hybrid-image.ts";
import { buildContexts } from "./context/build-contexts.ts";
import { disks } from "./disks/disks.ts";
import { machines } from "./hosts/qemu-machines.ts";
import type { RunProgram, StartDetached } from "./model/program.ts";
import { images } from "./registry/images.ts";
import { disk } from "./resources/disk.ts";
import { image } from "./resources/image.ts";
import { machineGroup } from "./resources/machine-group.ts";
import { systemClock } from "./rollout/clock.ts";
import { hybridParts } from "./schema.ts";
import { configure } from "./spec/configuration.ts";
import type { ValueMap } from "./spec/value.ts";
import { cacheDirectory, dataDirectory, stateDirectory } from "./storage/directories.ts";
import { removeFile } from "./storage/remove-file.ts";
import { withTemporaryFolder } from "./storage/temporary-folder.ts";
import { builders } from "./tools/builders.ts";
import { cp } from "./tools/cp.ts";
import { e2fsprogs } from "./tools/e2fsprogs.ts";
import { mtools } from "./tools/mtools.ts";
import { runProgram, startDetached, toolPath, withToolPaths } from "./tools/process.ts";
import { qemuImg } from "./tools/qemu-img.ts";
import { qemu } from "./tools/qemu.ts";
import { ssh } from "./tools/ssh.ts";
import { serve } from "./wire/serve.ts";

let { config } = configure({});

const run: RunProgram = (request) => withToolPaths(runProgram, config.tools)(request);
const start: StartDetached = (request) => startDetached({ ...request, program: toolPath(request.program, config.tools) });
const contexts = buildContexts({ cacheDirectory: cacheDirectory() });
const stored = images({ storeDirectory: join(dataDirectory(), "store"), runProgram: run });
const made = disks({
  images: stored,
  programs: { ext4: e2fsprogs(run), fat: mtools(run), converter: qemuImg(run), copier: cp(run) },
  cacheDirectory: cacheDirectory(),
  cacheSizeBytes: () => config.cacheSizeBytes,
});
const hosts = machines({ qemu: qemu(run, start), ssh: ssh(run), start, stateDirectory: stateDirectory() });
const withFolder = <T>(purpose: string, work: (folder: string) => Promise<T>): Promise<T> =>
  withTemporaryFolder(join(cacheDirectory(), "work"), purpose, work);

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };

void serve({
  name: "bootable",
  version,
  schema: () => readFileSync(new URL("../schema.json", import.meta.url), "utf8"),
  resources: [
    image({ contexts, builders: builders(run), images: stored, withFolder }),
    disk({ images: stored, disks: made, removeFile }),
    machineGroup({
      images: stored,
      disks: made,
      machines: hosts,
      clock: systemClock,
      offline: () => process.env["BOOTABLE_OFFLINE"] === "1",
    }),
  ],
  functions: [],
  components: [hybridImage({ ...hybridParts, version })],
  configure: (raw: ValueMap) => {
    const configured = configure(raw);
    ({ config } = configured);
    return configured;
  },
});
