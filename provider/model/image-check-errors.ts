/** The rules whose findings keep a disk from booting. */
import type { Driver } from "./image-check-facts.ts";
import { debianKernel, missingByTarget, missingEarly, named, type CheckedImage, type ImageRule, type Said } from "./image-check-rule.ts";

type ErrorCode =
  | "missing-disk-driver"
  | "missing-filesystem-driver"
  | "foreign-architecture"
  | "foreign-root"
  | "foreign-mount"
  | "unsigned-boot-files";

export const errorRules: Readonly<Record<ErrorCode, ImageRule>> = {
  "missing-disk-driver": (image) => {
    const missing = missingByTarget(image, ({ disk }) => missingEarly(image.facts, disk));
    if (missing === undefined) return undefined;
    return {
      message: `Kernel ${image.facts.kernelVersion} would not find its root disk ${missing.text}: these drivers are neither built into it nor in its initramfs.`,
      fix: bringDrivers(image, missing.drivers),
    };
  },
  "missing-filesystem-driver": (image) => {
    const missing = missingEarly(image.facts, [image.options.filesystem]);
    if (missing.length === 0) return undefined;
    return {
      message: `Kernel ${image.facts.kernelVersion} could not mount its root: ${image.options.filesystem} is neither built into it nor in its initramfs.`,
      fix: bringDrivers(image, missing),
    };
  },
  "foreign-architecture": foreignArchitecture,
  "foreign-root": ({ facts }) => {
    const root = facts.kernelArguments.find((argument) => /^root=(?:(?:PART)?UUID=|\/dev\/disk\/by-(?:part)?uuid\/)/.test(argument));
    if (root === undefined) return undefined;
    return {
      message: `The kernel is started with ${root}, and no partition of this disk has that UUID.`,
      fix: "leave root= out, in disk.kernelArguments or where the image sets it: the disk's own boot entry names its root partition.",
    };
  },
  "foreign-mount": foreignMount,
  "unsigned-boot-files": ({ facts, options }) => {
    const unsigned = [...(facts.signed.loader ? [] : ["the boot loader"]), ...(facts.signed.kernel ? [] : ["the kernel"])];
    if (options.secureBoot !== true || unsigned.length === 0) return undefined;
    return {
      message: `Secure Boot is asked for, and firmware would refuse ${named(unsigned)}, which ${unsigned.length === 1 ? "carries" : "carry"} no signature.`,
      fix: `install systemd-boot-efi-${options.platform.architecture}-signed and ${debianKernel({ facts, options, targets: [] })} (Debian) or kernel-core (Fedora, where systemd-boot must be signed with sbsigntools).`,
    };
  },
};

/** Only the drivers' absence from the initramfs can be mended without another kernel. */
function bringDrivers(image: CheckedImage, drivers: readonly Driver[]): string {
  if (drivers.some((driver) => !image.facts.drivers.installed.includes(driver))) {
    return `install ${debianKernel(image)} and initramfs-tools (Debian) or kernel-core, kernel-modules-core and dracut (Fedora) in the Containerfile.`;
  }
  return `write ${named(drivers)} into /etc/initramfs-tools/modules and run update-initramfs -u (Debian, initramfs-tools), or run dracut --force --regenerate-all --add-drivers "${drivers.join(" ")}" (Fedora, dracut), in the Containerfile.`;
}

/** Kernels for 64 bits run programs for 32 bits, too. */
const alsoRun: Readonly<Record<string, string>> = { amd64: "386", arm64: "arm" };

function foreignArchitecture({ facts, options }: CheckedImage): Said | undefined {
  const wanted = options.platform.architecture;
  const { systemd, kernel } = facts.architectures;
  const foreignSystemd = systemd !== undefined && systemd !== wanted && systemd !== alsoRun[wanted];
  const foreignKernel = kernel !== undefined && kernel !== wanted;
  if (!foreignSystemd && !foreignKernel) return undefined;
  const what = foreignKernel ? `kernel ${facts.kernelVersion}` : "systemd";
  const seen = (foreignKernel ? kernel : systemd) ?? "";
  return {
    message: `The image's ${what} is built for ${seen}, and the disk is to be one for linux/${wanted}.`,
    fix: `set disk.platform to linux/${seen}, or build the image for linux/${wanted}.`,
  };
}

/** systemd waits for what fstab names, but takes the root as it is mounted. */
function foreignMount({ facts }: CheckedImage): Said | undefined {
  const { uuidMounts } = facts;
  const awaited = uuidMounts.find(({ mountPoint }) => mountPoint !== "/");
  const mount = awaited ?? uuidMounts[0];
  if (mount === undefined) return undefined;
  const outcome = awaited === undefined ? "systemd-remount-fs would fail at each boot" : "boot would wait for it and end in emergency mode";
  return {
    message: `/etc/fstab mounts ${mount.mountPoint} from ${mount.device}, and no partition of this disk has that UUID: ${outcome}.`,
    fix:
      awaited === undefined
        ? "remove the line: the kernel's command line names the root."
        : "remove the line, or add nofail to its options.",
    severity: awaited === undefined ? "warning" : "error",
  };
}
