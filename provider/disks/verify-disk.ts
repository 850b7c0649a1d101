/** Whether a disk that somebody else made can start: its partition table, its EFI system partition, its root and what is deployed there. */
import { open, stat } from "node:fs/promises";
import { dirname, basename } from "node:path";
import { Failure } from "../failure.ts";
import { gptEdgeBytes, parseGpt, type FoundPartition } from "../model/gpt-read.ts";
import { espType, rootType } from "../model/gpt.ts";
import type { DiskListing } from "./programs.ts";

export interface DiskVerification {
  readonly path: string;
  /** As OCI names it. */
  readonly architecture: string;
  /** Subject of the messages: `bootc install to-disk`. */
  readonly maker: string;
  readonly listing: DiskListing;
  readonly signal: AbortSignal;
}

export interface VerifiedDisk {
  readonly filesystem: "ext4" | "xfs" | "btrfs";
  /** Only ext4 is looked into. */
  readonly deployment: "ostree" | "composefs" | "not looked into";
}

/** The type that sfdisk gives when nothing better is asked for; older versions of bootc leave it so. */
const plainLinuxType = "0fc63daf-8483-4772-8e79-3d69d8477de4";

export async function verifyDisk(verification: DiskVerification): Promise<VerifiedDisk> {
  const { path, architecture, listing, signal } = verification;
  const refuse = (what: string): Failure =>
    new Failure({
      kind: "tool",
      code: "unverified",
      message: `${verification.maker} reported success, but its disk cannot start: ${what}.`,
      fix: "look at the image's boot loader and its install configuration (usr/lib/bootc/install), then run pulumi up again.",
    });
  const partitions = await readTable(path, refuse);
  const part = { directory: dirname(path), file: basename(path), signal };
  const esp = partitions.find(({ type }) => type === espType);
  if (esp === undefined) throw refuse("it has no EFI system partition");
  const loaders = await listing.fat({ ...part, offsetBytes: esp.offsetBytes }, "/EFI/BOOT");
  if (!loaders.some((name) => /^BOOT.*\.EFI$/i.test(name))) throw refuse("its EFI system partition has no EFI/BOOT/BOOT*.EFI");
  const root = rootOf(partitions, architecture);
  if (root === undefined) throw refuse("it has no root partition");
  const filesystem = await filesystemAt(path, root.offsetBytes);
  if (filesystem === undefined) throw refuse("its root partition holds neither ext4 nor xfs nor btrfs");
  if (filesystem !== "ext4") return { filesystem, deployment: "not looked into" };
  const deployment = await deploymentIn((folder) => listing.ext4({ ...part, offsetBytes: root.offsetBytes }, folder));
  if (deployment === undefined) throw refuse("nothing is deployed on its root (no entry below /ostree/deploy or /state/deploy)");
  return { filesystem, deployment };
}

async function readTable(path: string, refuse: (what: string) => Failure): Promise<readonly FoundPartition[]> {
  const diskBytes = (await stat(path)).size;
  const edge = Math.min(gptEdgeBytes, diskBytes);
  const table = parseGpt({ head: await readAt(path, 0, edge), tail: await readAt(path, diskBytes - edge, edge), diskBytes });
  if ("broken" in table) throw refuse(table.broken);
  return table.partitions;
}

async function readAt(path: string, position: number, length: number): Promise<Buffer> {
  await using file = await open(path, "r");
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

function rootOf(partitions: readonly FoundPartition[], architecture: string): FoundPartition | undefined {
  const largest = partitions.filter(({ type }) => type === plainLinuxType).sort((a, b) => b.sizeBytes - a.sizeBytes)[0];
  return partitions.find(({ type }) => type === rootType(architecture)) ?? partitions.find(({ name }) => name === "root") ?? largest;
}

/** By the marks that each leaves at a fixed place. */
async function filesystemAt(path: string, offsetBytes: number): Promise<VerifiedDisk["filesystem"] | undefined> {
  const start = await readAt(path, offsetBytes, 0x10048);
  if (start.toString("latin1", 0, 4) === "XFSB") return "xfs";
  if (start.toString("latin1", 0x10040, 0x10048) === "_BHRfS_M") return "btrfs";
  return start.length > 1082 && start.readUInt16LE(1080) === 0xef53 ? "ext4" : undefined;
}

/** ostree keeps `ostree/deploy/<name>/deploy/<checksum>.<serial>`, composefs `state/deploy/<digest>`. */
async function deploymentIn(list: (folder: string) => Promise<readonly string[]>): Promise<"ostree" | "composefs" | undefined> {
  if ((await list("/state/deploy")).length > 0) return "composefs";
  for (const name of await list("/ostree/deploy")) {
    const found = /^[A-Za-z0-9._-]+$/.test(name) ? await list(`/ostree/deploy/${name}/deploy`) : [];
    if (found.some((one) => /^[0-9a-f]{64}\.[0-9]+$/.test(one))) return "ostree";
  }
  return undefined;
}
