/** Whether RUN steps for a platform can run here: natively, or through an emulator registered with the kernel. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parsePlatform, platformOf } from "../model/platform.ts";

const handlers = "/proc/sys/fs/binfmt_misc";

/** QEMU's names where they differ from OCI's. */
const emulators: Readonly<Record<string, string>> = { amd64: "x86_64", arm64: "aarch64", "386": "i386" };

/** The emulator that is missing for the platform (`qemu-aarch64`), or undefined when none is. Linux only: elsewhere a builder runs in a machine of its own. */
export async function missingEmulator(platform: string | undefined, folder = handlers): Promise<string | undefined> {
  const architecture = parsePlatform(platform ?? "")?.architecture;
  if (process.platform !== "linux" || architecture === undefined) return undefined;
  const native = platformOf(process.arch).architecture;
  if (architecture === native || (native === "amd64" && architecture === "386")) return undefined;
  const wanted = `qemu-${emulators[architecture] ?? architecture}`;
  for (const name of await readdir(folder).catch(() => [])) {
    const text = await readFile(join(folder, name), "utf8").catch(() => "");
    if (text.startsWith("enabled") && (name === wanted || text.includes(`/${wanted}`))) return undefined;
  }
  return wanted;
}
