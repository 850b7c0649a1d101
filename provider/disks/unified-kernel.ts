/**
 * Unified kernel images: kernel, initramfs and command line in one EFI program, which can be signed as a whole. Source: UAPI
 * group, unified kernel image specification, and boot loader specification, type 2.
 */
import { parsePeBinary, peHeadBytes, type PeBinary } from "../model/pe-binary.ts";
import { compareVersions } from "../model/version-order.ts";
import type { FileBody, FileNode } from "./file-node.ts";
import type { ReadPart } from "./stored-part.ts";
import { lookUp, namesIn } from "./tree-lookup.ts";

export interface UnifiedKernel<Body = FileBody> {
  /** In the image. */
  readonly path: string;
  /** Under EFI/Linux on the EFI system partition. */
  readonly name: string;
  readonly image: Body;
  /** What systemd's stub takes beside it: `.addon.efi`, `.cred`, `.raw`. */
  readonly companions: readonly { readonly name: string; readonly body: Body }[];
  /** As `uname -r` says it; undefined where the image does not tell. */
  readonly kernelVersion: string | undefined;
  /** Undefined: it has none inside, and takes what it is given. */
  readonly commandLine: string | undefined;
  /** Without a description of its system, systemd-boot does not find it by itself. */
  readonly describesSystem: boolean;
}

/** Where kernel-install and distributions put them, as the later EFI system partition and beside the modules. */
const bootDirectories = ["/boot/EFI/Linux", "/boot/efi/EFI/Linux", "/efi/EFI/Linux"];
const modules = "/usr/lib/modules";
/** A command line that is longer than this is none that a kernel takes. */
const longestText = 64 * 1024;

interface Candidate {
  readonly path: string;
  readonly name: string;
  readonly version: string | undefined;
}

/** The one with the newest kernel, of those for the architecture; undefined when the image has none. */
export async function findUnifiedKernel(root: FileNode, architecture: string, read: ReadPart): Promise<UnifiedKernel | undefined> {
  const found: UnifiedKernel[] = [];
  for (const candidate of candidates(root)) {
    const body = lookUp(root, candidate.path)?.body;
    if (body === undefined) continue;
    const binary = parsePeBinary(await read(body, 0, peHeadBytes));
    if (binary?.architecture !== architecture || !binary.sections.some(({ name }) => name === ".linux")) continue;
    const text = (section: string): Promise<string | undefined> => sectionText(binary, section, (at, length) => read(body, at, length));
    found.push({
      path: candidate.path,
      name: candidate.name,
      image: body,
      companions: companionsOf(root, candidate.path),
      kernelVersion: writable(await text(".uname")) ?? candidate.version,
      commandLine: await text(".cmdline"),
      describesSystem: binary.sections.some(({ name }) => name === ".osrel"),
    });
  }
  return found.reduce<UnifiedKernel | undefined>((best, one) => (best === undefined || isNewer(one, best) ? one : best), undefined);
}

/** Of equals the first stays. */
function isNewer(one: UnifiedKernel, other: UnifiedKernel): boolean {
  if (one.kernelVersion === undefined || other.kernelVersion === undefined) return one.kernelVersion !== undefined;
  return compareVersions(one.kernelVersion, other.kernelVersion) > 0;
}

/** Names that a FAT file system and a boot entry can hold. */
function candidates(root: FileNode): Candidate[] {
  const programs = (directory: string): string[] => namesIn(root, directory).filter((name) => /^[A-Za-z0-9+._-]{1,200}\.efi$/.test(name));
  const inBoot = bootDirectories.flatMap((directory) =>
    programs(directory).map((name) => ({ path: `${directory}/${name}`, name, version: undefined })),
  );
  const besideModules = namesIn(root, modules).flatMap((version) =>
    programs(`${modules}/${version}`).map((name) => ({ path: `${modules}/${version}/${name}`, name: `${version}.efi`, version })),
  );
  return [...inBoot, ...besideModules.filter(({ version }) => /^[A-Za-z0-9+._~^-]{1,100}$/.test(version))];
}

function companionsOf(root: FileNode, path: string): UnifiedKernel["companions"] {
  const directory = `${path}.extra.d`;
  return namesIn(root, directory).flatMap((name) => {
    const body = lookUp(root, `${directory}/${name}`)?.body;
    return body !== undefined && /^[A-Za-z0-9+._-]{1,200}\.(?:addon\.efi|cred|raw)$/.test(name) ? [{ name, body }] : [];
  });
}

/** The first counts: later ones belong to further profiles. */
async function sectionText(
  { sections }: PeBinary,
  wanted: string,
  read: (offset: number, length: number) => Promise<Buffer>,
): Promise<string | undefined> {
  const section = sections.find(({ name }) => name === wanted);
  if (section === undefined) return undefined;
  const bytes = await read(section.offset, Math.min(section.sizeBytes, longestText));
  return bytes.toString("utf8").replace(/\0.*$/s, "").trim();
}

function writable(version: string | undefined): string | undefined {
  return version !== undefined && /^[\x21-\x7e]+$/.test(version) ? version : undefined;
}
