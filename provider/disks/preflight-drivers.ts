/** Where the kernel of an image has its drivers: built in, in the initramfs, or under /usr/lib/modules. */
import { knownDrivers, type Driver, type DriverFacts } from "../model/image-check-facts.ts";
import { parsePeBinary, peHeadBytes } from "../model/pe-binary.ts";
import type { BootFiles, UnifiedBootFiles } from "./boot-files.ts";
import type { FileNode } from "./file-node.ts";
import { readInitramfs } from "./initramfs.ts";
import type { ImageTree } from "./preflight-tree.ts";
import type { ReadPart } from "./stored-part.ts";
import { lookUp } from "./tree-lookup.ts";

/** Compressed, it is held whole while it is read. */
const largestInitramfs = 256 * 1024 ** 2;

export interface DriverQuestion {
  readonly bootFiles: BootFiles | UnifiedBootFiles;
  readonly read: ReadPart;
  readonly signal: AbortSignal;
}

export interface InitramfsFacts {
  readonly drivers: DriverFacts;
  /** Something in the initramfs grows the root partition. */
  readonly growsRoot: boolean;
}

export async function readDrivers(tree: ImageTree, { bootFiles, read, signal }: DriverQuestion): Promise<InitramfsFacts> {
  const directory =
    ["/usr/lib/modules", "/lib/modules"].map((path) => `${path}/${bootFiles.kernelVersion}`).find((path) => tree.has(path)) ?? "";
  const inside = new Set<Driver>();
  let growsRoot = false;
  const onName = (name: string): void => {
    const driver = driverOf(name);
    if (driver !== undefined) inside.add(driver);
    growsRoot ||= /growroot|growfs|growpart|expand_root|systemd-repart/.test(name);
  };
  const unreadInitramfs = await lookInto(bootFiles, { read, signal, onName });
  const builtIn = await tree.text(`${directory}/modules.builtin`);
  const drivers = {
    ...(builtIn === "" ? {} : { builtIn: sorted(builtIn.split("\n").map(driverOf)) }),
    initramfs: sorted([...inside]),
    ...(unreadInitramfs === undefined ? {} : { unreadInitramfs }),
    installed: sorted([...modulesUnder(lookUp(tree.root, directory))]),
  };
  return { drivers, growsRoot };
}

interface Looking {
  readonly read: ReadPart;
  readonly signal: AbortSignal;
  readonly onName: (name: string) => void;
}

/** Answers why not all of it could be read. */
async function lookInto(files: BootFiles | UnifiedBootFiles, { read, signal, onName }: Looking): Promise<string | undefined> {
  const { body, offset, sizeBytes } = await initramfsIn(files, read);
  if (sizeBytes > largestInitramfs) return "is too large to be looked into";
  return readInitramfs(await read(body, offset, sizeBytes), { signal, onName });
}

/** A unified kernel image has it in a section; where there is none, the kernel finds nothing. */
async function initramfsIn(files: BootFiles | UnifiedBootFiles, read: ReadPart) {
  if (!("unified" in files)) return { body: files.initramfs, offset: 0, sizeBytes: files.initramfs.sizeBytes };
  const body = files.unified.image;
  const section = parsePeBinary(await read(body, 0, peHeadBytes))?.sections.find(({ name }) => name === ".initrd");
  return { body, offset: section?.offset ?? 0, sizeBytes: section?.sizeBytes ?? 0 };
}

/** By a module's path; names are written with dashes and underscores alike. */
function driverOf(path: string): Driver | undefined {
  const name = /([^/]+)\.ko(?:\.(?:gz|xz|zst|lz4))?$/.exec(path)?.[1]?.replaceAll("-", "_");
  return knownDrivers.find((driver) => driver === name);
}

function* modulesUnder(node: FileNode | undefined): Generator<Driver | undefined> {
  for (const [name, child] of node?.children ?? []) {
    if (child.node.kind === "directory") yield* modulesUnder(child.node);
    else yield driverOf(name);
  }
}

function sorted(drivers: readonly (Driver | undefined)[]): readonly Driver[] {
  return knownDrivers.filter((driver) => drivers.includes(driver));
}
