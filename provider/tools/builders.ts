/** Builds images with the builder that the computer has: podman, buildah or docker. */
import { join } from "node:path";
import type { RunProgram } from "../model/program.ts";
import type { BuildRequest, Builders } from "../resources/ports.ts";
import { inBuildFolder, inside, type BuildFolder } from "./build-folder.ts";
import { runBuild } from "./build-run.ts";
import { findBuilder } from "./builder-probe.ts";
import { buildWithContainers } from "./container-build.ts";
import { buildArgs } from "./docker.ts";
import { keepOnlyEntry, moveLayout } from "./oci-layout.ts";
import { tidyBuilds } from "./working-containers.ts";

export function builders(run: RunProgram): Builders {
  const tidy = tidyBuilds(run);
  return {
    async build(request) {
      const program = await findBuilder(run, request);
      await inBuildFolder(request, async (folder) => {
        if (program === "docker") await buildWithDocker(run, request, folder);
        else {
          await tidy({ program, signal: request.signal }, (see) => {
            const onLine = (line: string): void => {
              see(line);
              request.onLine(line);
            };
            return buildWithContainers({ run, program, folder, request: { ...request, onLine } });
          });
        }
        await moveLayout(join(folder.path, inside.layout), request.layoutDirectory);
      });
    },
  };
}

async function buildWithDocker(run: RunProgram, request: BuildRequest, folder: BuildFolder): Promise<void> {
  const args = buildArgs({ request, secretFiles: folder.secretFiles });
  await runBuild({ run, program: "docker", args, request, folder });
  await keepOnlyEntry(join(folder.path, inside.layout));
}
