/** Real unified kernel images: systemd's stub out of the guests' root file system, filled by objcopy. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { output } from "./scratch.ts";

/** By section, without its dot. */
export type Sections = Readonly<Partial<Record<"osrel" | "uname" | "cmdline" | "linux" | "initrd", string | Buffer>>>;

const pageBytes = 4096;

/** One file of the base root file system; the path has no slash in front. */
export async function baseFile(path: string, folder: string): Promise<string> {
  const base = process.env["BOOTABLE_BASE_TAR"];
  if (base === undefined) throw new Error("BOOTABLE_BASE_TAR names no base root file system: run the tests with npm test, which makes it.");
  await output("tar", ["-x", "-f", base, "-C", folder, `./${path}`]);
  return join(folder, path);
}

/** As the programs do it that make them: each section behind the last, on a page of its own. */
export async function makeUnifiedKernel(folder: string, sections: Sections): Promise<Buffer> {
  const stub = await baseFile("usr/lib/systemd/boot/efi/linuxx64.efi.stub", folder);
  let address = await endOf(stub);
  const args: string[] = [];
  for (const [name, content] of Object.entries(sections)) {
    const file = join(folder, `section-${name}`);
    await writeFile(file, content);
    args.push("--add-section", `.${name}=${file}`, "--change-section-vma", `.${name}=0x${address.toString(16)}`);
    address += Math.ceil(content.length / pageBytes) * pageBytes;
  }
  const made = join(folder, "unified.efi");
  await output("objcopy", [...args, stub, made]);
  return readFile(made);
}

export interface Section {
  readonly name: string;
  readonly sizeBytes: number;
  readonly address: number;
  readonly offset: number;
}

/** As objdump reads them. */
export async function sectionsOf(path: string): Promise<Section[]> {
  const lines = (await output("objdump", ["-h", path])).split("\n").filter((line) => /^ +\d+ \./.test(line));
  return lines.map((line) => {
    const [, name = "", size = "", address = "", , offset = ""] = line.trim().split(/ +/);
    return { name, sizeBytes: Number.parseInt(size, 16), address: Number.parseInt(address, 16), offset: Number.parseInt(offset, 16) };
  });
}

async function endOf(path: string): Promise<number> {
  const ends = (await sectionsOf(path)).map(({ address, sizeBytes }) => address + sizeBytes);
  return Math.ceil(Math.max(...ends) / pageBytes) * pageBytes;
}
