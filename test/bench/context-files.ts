/** A build context of 10,000 files and about 1 GiB, whose contents do not compress. */
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const folders = 100;
const filesInEach = 100;

/** From 1 to 213 KiB, the same sizes in each run; 107 KiB in the mean. */
function sizeBytes(index: number): number {
  return (1 + ((index * 7919) % 213)) * 1024;
}

/** Answers the relative paths of the files in the order of their names, the Containerfile first. */
export async function writeContextFiles(context: string): Promise<readonly string[]> {
  const paths = ["Containerfile"];
  await mkdir(context, { recursive: true });
  await writeFile(join(context, "Containerfile"), "FROM scratch\nCOPY . /data/\n");
  for (let folder = 0; folder < folders; folder += 1) {
    const name = `folder-${String(folder).padStart(2, "0")}`;
    await mkdir(join(context, name));
    for (let file = 0; file < filesInEach; file += 1) {
      const path = `${name}/file-${String(file).padStart(2, "0")}`;
      await writeFile(join(context, path), randomBytes(sizeBytes(folder * filesInEach + file)));
      paths.push(path);
    }
  }
  return paths;
}
