/** The rules whose findings do not keep a disk from booting, but will be missed where it runs. */
import { debianKernel, missingByTarget, missingEarly, missingLate, named, type CheckedImage, type ImageRule } from "./image-check-rule.ts";
import type { TargetNeeds } from "./image-check-targets.ts";

type WarningCode =
  | "unreadable-initramfs"
  | "populated-machine-id"
  | "baked-ssh-host-keys"
  | "baked-random-seed"
  | "no-root-growth"
  | "no-serial-console"
  | "no-dhcp"
  | "no-agent"
  | "no-login"
  | "missing-network-driver"
  | "missing-udf-driver"
  | "limited-machine-types";

export const warningRules: Readonly<Record<WarningCode, ImageRule>> = {
  "unreadable-initramfs": unreadableInitramfs,
  "populated-machine-id": ({ facts: { machineIds } }) => {
    if (machineIds.length === 0) return undefined;
    const remove = machineIds.filter((path) => path !== "/etc/machine-id").map((path) => ` && rm -f ${path}`);
    return {
      message: `The image holds one machine's identity (${named(machineIds)}), which all its machines would share: DHCP servers and logs could not tell them apart.`,
      fix: `end the Containerfile with RUN : > /etc/machine-id${remove.join("")}, and the first boot makes a new one.`,
    };
  },
  "baked-ssh-host-keys": ({ facts: { sshHostKeys } }) => {
    if (sshHostKeys.length === 0) return undefined;
    return {
      message: `The image holds SSH host keys (${named(sshHostKeys)}): whoever can read it can pose as each of its machines.`,
      fix: `end the Containerfile with RUN rm -f ${sshHostKeys.join(" ")}, and new ones are made at the first boot by cloud-init (Debian, Fedora), by openssh-server (Fedora), or by a unit that runs ssh-keygen -A before sshd.`,
    };
  },
  "baked-random-seed": ({ facts: { randomSeeds } }) => {
    if (randomSeeds.length === 0) return undefined;
    return {
      message: `The image holds a random seed (${named(randomSeeds)}), which all its machines would start from.`,
      fix: `end the Containerfile with RUN rm -f ${randomSeeds.join(" ")}.`,
    };
  },
  "no-root-growth": ({ facts, targets }) => {
    const clouds = cloudNames(targets);
    if (clouds.length === 0 || facts.rootGrowth.length > 0) return undefined;
    return {
      message: `Nothing in the image grows the root partition, so what a machine's disk on ${named(clouds)} has beyond the image's size would stay unused.`,
      fix: "install cloud-init and cloud-guest-utils (Debian) or cloud-init and cloud-utils-growpart (Fedora) in the Containerfile, or set disk.size to what the machines will have.",
    };
  },
  "no-serial-console": ({ facts, options }) => {
    if (facts.serialConsole) return undefined;
    const port = options.platform.architecture.startsWith("arm") ? "ttyAMA0" : "ttyS0";
    return {
      message: "Nothing writes to a serial console, so nobody would see why a machine does not boot.",
      fix: `add console=${port} to disk.kernelArguments, or to the command line that the image sets.`,
    };
  },
  "no-dhcp": ({ facts }) => {
    if (facts.network.length > 0 || facts.kernelArguments.some((argument) => argument.startsWith("ip="))) return undefined;
    return {
      message: "Nothing in the image sets up its network, by DHCP or otherwise, so nobody would reach a machine.",
      fix: "install network-manager (Debian) or NetworkManager (Fedora) in the Containerfile, or enable systemd-networkd with a file in /etc/systemd/network that says DHCP=yes.",
    };
  },
  "no-agent": ({ facts, targets }) => {
    const bare = targets.filter(({ agents }) => agents.length > 0 && !agents.some((agent) => facts.agents.includes(agent)));
    if (bare.length === 0) return undefined;
    const names = bare.map(({ name }) => name);
    const timeout = names.includes("Azure") ? ", and Azure would take a machine for a failed one after some minutes" : "";
    return {
      message: `The image has no agent that applies what ${named(names)} ${names.length === 1 ? "tells" : "tell"} a new machine: host name, keys and user data would be lost${timeout}.`,
      fix: `install cloud-init (Debian, Fedora)${bare.map(ownAgent).join("")} in the Containerfile.`,
    };
  },
  "no-login": ({ facts, options, targets }) => {
    const clouds = cloudNames(targets);
    const open = facts.logins.length > 0 || facts.agents.length > 0 || options.rootSshAuthorizedKeys.length > 0;
    if (clouds.length === 0 || open) return undefined;
    return {
      message: `Nobody could log in to a machine on ${named(clouds)}: the image has no authorized keys, no password, and nothing that brings any.`,
      fix: "set disk.rootSshAuthorizedKeys, or install cloud-init (Debian, Fedora) in the Containerfile.",
    };
  },
  "missing-network-driver": (image) => {
    const missing = missingByTarget(image, ({ network }) => missingLate(image.facts, network));
    if (missing === undefined) return undefined;
    return {
      message: `Kernel ${image.facts.kernelVersion} has no driver for the network ${missing.text}.`,
      fix: `install ${debianKernel(image)} (Debian) or kernel-modules (Fedora) in the Containerfile.`,
    };
  },
  "missing-udf-driver": (image) => {
    const missing = missingByTarget(image, ({ provisioning }) => missingLate(image.facts, provisioning));
    if (missing === undefined) return undefined;
    return {
      message: `Kernel ${image.facts.kernelVersion} cannot read the disc with a new machine's settings ${missing.text}.`,
      fix: `install ${debianKernel(image)} (Debian) or kernel-modules (Fedora) in the Containerfile.`,
    };
  },
  "limited-machine-types": (image) => {
    const missing = missingByTarget(image, ({ newer }) => missingNewer(image, newer));
    if (missing === undefined) return undefined;
    return {
      message: `Newer machine types could not be used ${missing.text}: kernel ${image.facts.kernelVersion} does not have these drivers when it needs them.`,
      fix: `install ${debianKernel(image)} and initramfs-tools (Debian) or kernel-modules and dracut (Fedora) in the Containerfile.`,
    };
  },
};

function cloudNames(targets: readonly TargetNeeds[]): readonly string[] {
  return targets.filter(({ cloud }) => cloud).map(({ name }) => name);
}

/** Matters only where a driver is not built in, and the kernel says what is. */
function unreadableInitramfs({ facts, options, targets }: CheckedImage): ReturnType<ImageRule> {
  const { builtIn, initramfs, unreadInitramfs } = facts.drivers;
  if (builtIn === undefined) return undefined;
  const wanted = [options.filesystem, ...targets.flatMap(({ disk }) => disk)];
  const open = wanted.filter((driver) => !builtIn.includes(driver) && !initramfs.includes(driver));
  if (unreadInitramfs === undefined || open.length === 0) return undefined;
  return {
    message: `The initramfs of kernel ${facts.kernelVersion} ${unreadInitramfs}, so it cannot be told whether it has what the root disk needs (${[...new Set(open)].join(", ")}).`,
    fix: 'install zstd (Debian, Fedora) in the Containerfile, set COMPRESS=zstd in /etc/initramfs-tools/initramfs.conf or compress="zstd" in /etc/dracut.conf.d/zstd.conf, and make the initramfs again.',
  };
}

function ownAgent({ name }: TargetNeeds): string {
  if (name === "Azure") return ", or waagent (Debian), WALinuxAgent (Fedora) for Azure,";
  return name === "Google Cloud" ? ", or google-guest-agent (Debian, Fedora) for Google Cloud," : "";
}

/** A disk's driver is needed before the root is mounted, a network card's only after. */
function missingNewer({ facts }: CheckedImage, newer: TargetNeeds["newer"]): TargetNeeds["newer"] {
  const disks = newer.filter((driver) => driver === "nvme");
  const cards = newer.filter((driver) => driver !== "nvme");
  return [...missingEarly(facts, disks), ...missingLate(facts, cards)];
}
