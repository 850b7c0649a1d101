/** The real podman over a storage of a test's own. Needs root. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { RunProgram } from "../../provider/model/program.ts";
import { runProgram } from "../../provider/tools/process.ts";

export interface RootfulPodman {
  /** Runs every program as it is, podman over the storage. */
  readonly run: RunProgram;
  readonly storage: string;
  /** Standard output of a podman command, in lines. `ps` cannot be used while a container runs: its network is hidden too. */
  ask(...args: readonly string[]): Promise<readonly string[]>;
}

/**
 * A container of CI may have neither the right to raise limits nor cgroups that crun understands, so limits stay low
 * and the second kind of cgroups is hidden from podman alone.
 */
const script = (folder: string): string => `#!/bin/sh
export CONTAINERS_CONF=${folder}/containers.conf CONTAINERS_STORAGE_CONF=${folder}/storage.conf
[ "$1" = run ] || exec podman "$@"
exec unshare --mount sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec podman "$@"' podman "$@"
`;

export async function rootfulPodman(folder: string): Promise<RootfulPodman> {
  const storage = join(folder, "storage");
  await mkdir(storage);
  await writeFile(
    join(folder, "storage.conf"),
    `[storage]\ndriver = "vfs"\ngraphroot = "${storage}"\nrunroot = "${join(folder, "run")}"\n`,
  );
  const limits = `default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]`;
  await writeFile(join(folder, "containers.conf"), `[containers]\n${limits}\n[engine]\ntmp_dir = "${join(folder, "tmp")}"\n`);
  const wrapper = join(folder, "podman");
  await writeFile(wrapper, script(folder), { mode: 0o755 });
  const run: RunProgram = (request) => runProgram({ ...request, program: request.program === "podman" ? wrapper : request.program });
  const ask = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await run({ program: "podman", args, purpose: "to look into the storage", signal: AbortSignal.timeout(60_000) });
    return stdout.split("\n").filter((line) => line !== "");
  };
  onTestFinished(async () => void (await ask("rm", "--all", "--force", "--time=0")));
  return { run, storage, ask };
}
