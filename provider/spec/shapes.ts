/** Shapes that several resources share: one name, one meaning, one schema type each. */
import {
  byteSize,
  countOrShare,
  digest,
  followedImage,
  integerFrom,
  kernelArgument,
  pinnedImage,
  platform,
  port,
  secondsFrom,
  sshPublicKey,
} from "./rules.ts";
import { exactlyOneOf, list, object, oneOf, string } from "./property.ts";

export const diskOptions = object("DiskOptions", "How an image becomes a disk. Image and options together identify the disk.", {
  size: {
    type: byteSize,
    optional: true,
    description:
      "Size of the disk, such as `10GiB`. Left out: the content plus slack; with engine `bootc`, 10GiB or twice what the image takes unpacked, whichever is more.",
  },
  filesystem: {
    type: oneOf(["ext4", "xfs", "btrfs"]),
    default: "ext4",
    description:
      "File system of the root partition. With engine `direct`, `ext4` needs no rights and has the same bytes everywhere; `xfs` and `btrfs` are made by mkfs.xfs or mkfs.btrfs and this computer's kernel, which needs root and loop devices, and promises the same files but not the same bytes.",
  },
  kernelArguments: { type: list(kernelArgument), default: [], description: "Added to the kernel's command line." },
  engine: {
    type: oneOf(["auto", "direct", "bootc", "image-builder", "linuxkit"]),
    default: "auto",
    description:
      "What makes the disk: `direct` is built in; `bootc` has the image install itself, in a privileged container; `image-builder` makes installers. `auto` is `bootc` for an image labelled `containers.bootc=1`, else `direct`.",
  },
  platform: {
    type: platform,
    default: "linux/amd64",
    description:
      "Platform to take from an image for several. The default is the same on every computer, so that every computer plans the same disk.",
  },
  rootSshAuthorizedKeys: { type: list(sshPublicKey), default: [], description: "Public keys that may log in as root over SSH." },
  targetImage: {
    type: followedImage,
    optional: true,
    description:
      "With engine `bootc`: the image that updates of a machine follow, as registry/repository with a tag or a digest. Left out: the repository and digest of the image itself, which stays what it is until somebody switches.",
  },
  builderImage: {
    type: pinnedImage,
    optional: true,
    description: "With engine `image-builder`: the image of bootc-image-builder that is run, as repository@sha256:digest.",
  },
  bootLoader: {
    type: string(),
    optional: true,
    decidedBy: "bootLoaderDigest",
    description:
      "With engine `direct`: an EFI program on this computer that firmware starts in place of the image's systemd-boot, such as a signed one; it must read boot loader entries as systemd-boot does. A path, relative to the Pulumi project. The file's digest is part of the disk, the path is not.",
  },
  bootLoaderDigest: {
    type: digest,
    optional: true,
    description:
      "Digest of the file `bootLoader`, as sha256:<64 hex digits>. Computed from the file when left out; where it is set, a preview does not need the file.",
  },
});

const tcpCheck = object("TcpCheck", "A connection to a port.", {
  port: { type: port, description: "Port on the host." },
});

const httpCheck = object("HttpCheck", "A GET of a page.", {
  port: { type: port, description: "Port on the host." },
  path: { type: string(), default: "/", description: "Path and query to ask for." },
  status: { type: integerFrom(100), default: 200, description: "Status that means healthy." },
});

const sshCheck = object("SshCheck", "A command over SSH that has to end with exit code 0.", {
  command: { type: list(string()), description: "Program and arguments; no shell reads them." },
});

export const healthCheck = exactlyOneOf(
  ["tcp", "http", "ssh"],
  object("HealthCheck", "How a host is asked, from the outside, whether it does its work: exactly one of tcp, http and ssh.", {
    tcp: { type: tcpCheck, optional: true, description: "Healthy when the port accepts a connection." },
    http: { type: httpCheck, optional: true, description: "Healthy when the page answers with the status." },
    ssh: { type: sshCheck, optional: true, description: "Healthy when the command ends with exit code 0." },
    timeoutSeconds: { type: secondsFrom(1), default: 300, description: "How long a host may take to become healthy after a restart." },
    intervalSeconds: { type: secondsFrom(0.1), default: 2, description: "Time between two tries." },
  }),
);

export const rollout = object("Rollout", "How a new image moves through hosts.", {
  canary: { type: integerFrom(0), default: 1, description: "How many healthy hosts go first; 0 for none." },
  maxUnavailable: {
    type: countOrShare,
    default: 1,
    description: 'How many hosts may be down at a time: a number, or a share such as "20%", which is never rounded to 0.',
  },
  bakeSeconds: { type: secondsFrom(0), default: 0, description: "How long the canaries must stay healthy before the others follow." },
  failureBudget: { type: integerFrom(0), default: 0, description: "How many hosts may fail before the rollout stops." },
  onFailure: {
    type: oneOf(["stop", "rollback", "rollbackAll"]),
    default: "rollback",
    description: "What happens to hosts once the rollout stops: nothing, the failed ones go back, or all that were swapped go back.",
  },
});
