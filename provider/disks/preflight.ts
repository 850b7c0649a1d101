/** Looks into an image before a disk is made of it. What it answers is judged in model/image-check.ts. */
import { imageFactsVersion, type Agent, type ImageFacts } from "../model/image-check-facts.ts";
import { parsePeBinary, peHeadBytes } from "../model/pe-binary.ts";
import type { BootFiles, UnifiedBootFiles } from "./boot-files.ts";
import type { FileBody, FileNode } from "./file-node.ts";
import { readDrivers } from "./preflight-drivers.ts";
import { findRandomSeeds, findSshHostKeys, readMachineIds, readUuidMounts } from "./preflight-identity.ts";
import { readLogins } from "./preflight-logins.ts";
import { hasSerialGetty, readNetwork } from "./preflight-network.ts";
import { elfArchitecture, isSigned } from "./preflight-programs.ts";
import { imageTree, overlaid, type ImageTree } from "./preflight-tree.ts";
import type { ReadPart } from "./stored-part.ts";

export interface Looking {
  readonly bootFiles: BootFiles | UnifiedBootFiles;
  readonly read: ReadPart;
  /** Those of `disk.kernelArguments`. */
  readonly kernelArguments: readonly string[];
  readonly signal: AbortSignal;
}

/** The tree is one in which `findBoot` found the boot files. */
export async function imageFacts(root: FileNode, { bootFiles, read, kernelArguments, signal }: Looking): Promise<ImageFacts> {
  const tree = imageTree(root, read);
  const { drivers, growsRoot } = await readDrivers(tree, { bootFiles, read, signal });
  const sealed = "unified" in bootFiles ? bootFiles.unified.commandLine : undefined;
  const given = sealed === undefined ? kernelArguments : sealed.split(/\s+/);
  return {
    version: imageFactsVersion,
    kernelVersion: bootFiles.kernelVersion,
    kernelArguments: given,
    ...(await readPrograms(tree, bootFiles, read)),
    drivers,
    machineIds: await readMachineIds(tree),
    sshHostKeys: findSshHostKeys(tree),
    randomSeeds: findRandomSeeds(tree),
    uuidMounts: await readUuidMounts(tree),
    rootGrowth: [...(growsRoot ? ["initramfs"] : []), ...(await readRootGrowth(tree))],
    network: await readNetwork(tree),
    // A boot entry of ours names the first serial port.
    serialConsole: sealed === undefined || given.some(namesSerialPort) || hasSerialGetty(tree),
    agents: findAgents(tree),
    logins: await readLogins(tree),
  };
}

function namesSerialPort(argument: string): boolean {
  return /^console=(?:tty(?:S|AMA)|hvc)\d/.test(argument);
}

async function readPrograms(
  tree: ImageTree,
  files: BootFiles | UnifiedBootFiles,
  read: ReadPart,
): Promise<Pick<ImageFacts, "architectures" | "signed">> {
  const head = async (body: FileBody | undefined): Promise<Buffer> => (body === undefined ? Buffer.alloc(0) : read(body, 0, peHeadBytes));
  const kernelHead = await head("unified" in files ? files.unified.image : files.kernel);
  const systemd = elfArchitecture(await head(tree.body("/usr/lib/systemd/systemd")));
  const kernel = parsePeBinary(kernelHead)?.architecture;
  return {
    architectures: { ...(systemd === undefined ? {} : { systemd }), ...(kernel === undefined ? {} : { kernel }) },
    signed: { kernel: isSigned(kernelHead), loader: isSigned(await head(files.loader)) },
  };
}

const agentPrograms: Readonly<Record<Agent, readonly string[]>> = {
  afterburn: ["/usr/bin/afterburn"],
  "azure-init": ["/usr/bin/azure-init", "/usr/sbin/azure-init"],
  "cloud-init": ["/usr/bin/cloud-init"],
  "google-guest-agent": ["/usr/bin/google_guest_agent", "/usr/bin/google_guest_agent_manager"],
  ignition: ["/usr/lib/dracut/modules.d/30ignition/ignition"],
  waagent: ["/usr/sbin/waagent", "/usr/bin/waagent"],
};

function findAgents(tree: ImageTree): readonly Agent[] {
  const entries = Object.entries(agentPrograms) as (readonly [Agent, readonly string[]])[];
  return entries.filter(([, programs]) => programs.some((path) => tree.has(path))).map(([agent]) => agent);
}

/** Growing a file system is not enough: the partition around it must grow first. */
async function readRootGrowth(tree: ImageTree): Promise<readonly string[]> {
  const found: string[] = [];
  if (tree.has("/usr/bin/cloud-init") && tree.has("/usr/bin/growpart")) found.push("cloud-init");
  if (tree.has("/usr/lib/systemd/system/bootc-generic-growpart.service")) found.push("bootc");
  if (!tree.has("/usr/bin/systemd-repart")) return found;
  for (const path of overlaid(tree, ["/etc/repart.d", "/usr/local/lib/repart.d", "/usr/lib/repart.d"], ".conf")) {
    if (/^\s*Type\s*=\s*root\b/m.test(await tree.text(path))) return [...found, "systemd-repart"];
  }
  return found;
}
