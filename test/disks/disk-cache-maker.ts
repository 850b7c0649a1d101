/** A process that uses a disk of a cache: `node disk-cache-maker.ts <directory> <identity> quickly|never`. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { diskCache } from "../../provider/disks/disk-cache.ts";
import { sha256 } from "./layered-image.ts";

const [directory = "", identity = "", how = ""] = process.argv.slice(2);
const content = Buffer.alloc(1024 ** 2, "a");

const make = async (folder: string): Promise<{ path: string; digest: ReturnType<typeof sha256> }> => {
  await writeFile(join(folder, "disk"), content);
  console.log("making");
  // A timer keeps the process alive until somebody ends it.
  if (how === "never") await new Promise((resolve) => setTimeout(resolve, 2 ** 31 - 1));
  return { path: join(folder, "disk"), digest: sha256(content) };
};

await diskCache({ directory, sizeBytes: () => 1024 ** 4 }).use(identity, { signal: new AbortController().signal, make }, async (disk) =>
  console.log(disk.digest),
);
