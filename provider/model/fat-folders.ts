/** The folders of a FAT volume: a tree that follows from the files' paths, and the bytes that list each. */
import { Failure } from "../failure.ts";
import { dotEntries, entryBytes, labelEntry, namedEntry, type FatEntry } from "./fat-entries.ts";
import { nameEntries } from "./fat-names.ts";

export interface Folder<File> {
  /** Empty for the top folder. */
  readonly path: string;
  readonly parent: Folder<File> | undefined;
  /** In order of first mention. */
  readonly children: Map<string, Folder<File> | File>;
}

const largestFolderBytes = 65_536 * entryBytes;
const charactersPerEntry = 13;

/** The top folder first, and each before its children. */
export function foldersOf<File extends { readonly path: string }>(files: readonly File[]): Folder<File>[] {
  const folders: Folder<File>[] = [{ path: "", parent: undefined, children: new Map() }];
  for (const file of files) {
    const names = file.path.split("/");
    const name = names.pop() ?? "";
    let folder = folders[0] as Folder<File>;
    for (const part of names) folder = inner(folders, folder, part);
    if (folder.children.has(name)) throw twice(file.path);
    folder.children.set(name, file);
  }
  return folders;
}

function inner<File extends object>(folders: Folder<File>[], folder: Folder<File>, name: string): Folder<File> {
  const found = folder.children.get(name);
  if (found !== undefined && !isFolder(found)) throw twice(folder.path === "" ? name : `${folder.path}/${name}`);
  if (found !== undefined) return found;
  const made: Folder<File> = { path: folder.path === "" ? name : `${folder.path}/${name}`, parent: folder, children: new Map() };
  folder.children.set(name, made);
  folders.push(made);
  return made;
}

export function isFolder<File extends object>(child: Folder<File> | File): child is Folder<File> {
  return "children" in child;
}

export function folderSize<File>({ path, parent, children }: Folder<File>): number {
  const own = parent === undefined ? 1 : 2;
  const names = [...nameEntries([...children.keys()], path).values()];
  const sizeBytes = names.reduce((sum, { long }) => sum + 1 + Math.ceil((long ?? "").length / charactersPerEntry), own) * entryBytes;
  if (sizeBytes <= largestFolderBytes) return sizeBytes;
  throw new Failure({ kind: "bug", message: `The folder ${JSON.stringify(path)} has more names than FAT can list in one.` });
}

export interface FolderListing<File> {
  readonly label: string;
  readonly epochSeconds: number;
  readonly entryOf: (child: Folder<File> | File) => FatEntry;
}

export function folderBytes<File>(folder: Folder<File>, { label, epochSeconds, entryOf }: FolderListing<File>): Buffer {
  const { path, parent, children } = folder;
  const names = nameEntries([...children.keys()], path);
  const own = parent === undefined ? labelEntry(label, epochSeconds) : dotEntries(entryOf(folder), entryOf(parent));
  const listed = [...names].flatMap(([name, entry]) => {
    const child = children.get(name);
    return child === undefined ? [] : [namedEntry(entry, entryOf(child))];
  });
  return Buffer.concat([own, ...listed]);
}

function twice(path: string): Failure {
  return new Failure({ kind: "bug", message: `${JSON.stringify(path)} is meant for the EFI system partition twice.` });
}
