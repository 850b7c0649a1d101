/** What installs a program that was not found: program to Debian and Fedora package, and the sentence made of them. */
import { basename } from "node:path";

interface Package {
  readonly debian: string;
  readonly fedora: string;
}

const e2fsprogs: Package = { debian: "e2fsprogs", fedora: "e2fsprogs" };
const mtools: Package = { debian: "mtools", fedora: "mtools" };
const coreutils: Package = { debian: "coreutils", fedora: "coreutils" };
const mount: Package = { debian: "mount", fedora: "util-linux" };
const utilLinux: Package = { debian: "util-linux", fedora: "util-linux" };

const packages: Readonly<Record<string, Package>> = {
  buildah: { debian: "buildah", fedora: "buildah" },
  debugfs: e2fsprogs,
  docker: { debian: "docker.io", fedora: "moby-engine" },
  mdir: mtools,
  "mkfs.btrfs": { debian: "btrfs-progs", fedora: "btrfs-progs" },
  "mkfs.xfs": { debian: "xfsprogs", fedora: "xfsprogs" },
  mknod: coreutils,
  mount,
  podman: { debian: "podman", fedora: "podman" },
  "qemu-img": { debian: "qemu-utils", fedora: "qemu-img" },
  "qemu-system-aarch64": { debian: "qemu-system-arm", fedora: "qemu-system-aarch64-core" },
  "qemu-system-x86_64": { debian: "qemu-system-x86", fedora: "qemu-system-x86-core" },
  setfattr: { debian: "attr", fedora: "attr" },
  setpriv: utilLinux,
  skopeo: { debian: "skopeo", fedora: "skopeo" },
  ssh: { debian: "openssh-client", fedora: "openssh-clients" },
  sync: coreutils,
  umount: mount,
};

/** `qemu-utils (Debian) or qemu-img (Fedora)`; the program's own name when it is not in the table. */
function packageNames(program: string): string {
  const found = packages[basename(program)];
  if (found === undefined) return basename(program);
  return found.debian === found.fedora ? found.debian : `${found.debian} (Debian) or ${found.fedora} (Fedora)`;
}

/** The key of `bootable:tools` that holds a program's path: `qemuImg` for `qemu-img`. */
export function toolKey(program: string): string {
  return basename(program).replace(/[-.]([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The one thing to do when a program is missing. */
export function installFix(program: string): string {
  return `install ${packageNames(program)}, or set bootable:tools.${toolKey(program)} to its path.`;
}
