/**
 * Stand-ins for bootc 1.16.9 and bootc-image-builder, which no package of Debian brings: images in which a script of
 * that name takes the options that the real one has, refuses others as it does, and leaves what it leaves. The disk or
 * the installer that it "makes" lies ready in the image; loop devices, containers and everything around it are real.
 */
import { readFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { tar, type TarInput } from "../disks/tar-writer.ts";
import { makeImage, type MadeImage } from "./oci-layout.ts";

/** What it does once it has taken its options. */
export type Behaviour = "installs" | "fails" | "hangs";

const applets = ["sh", "cat", "dd", "gunzip", "losetup", "sleep", "grep", "mkdir", "cp", "sync"];

/** Leaves its words and the keys in podman's storage, which the test looks into. */
const bootc = `#!/bin/sh
usage() { echo "error: $1" >&2; exit 2; }
[ "$1" = install ] && [ "$2" = to-disk ] || usage "unrecognized subcommand '$2'"
printf '%s\\n' "$@" > /var/lib/containers/storage/words
shift 2
[ -e /run/.containerenv ] || { echo "error: Must be run in a container" >&2; exit 1; }
[ $$ != 1 ] || { echo "error: Installing to disk: This command must be run with the podman --pid=host flag" >&2; exit 1; }
for word in "$@"; do
  case "$word" in
    --via-loopback|--generic-image|--skip-fetch-check) ;;
    --filesystem=xfs|--filesystem=ext4|--filesystem=btrfs) ;;
    --target-imgref=*) target=\${word#*=} ;;
    --karg=*) ;;
    --root-ssh-authorized-keys=*) cat "\${word#*=}" > /var/lib/containers/storage/keys || exit 1 ;;
    -*) usage "unexpected argument '$word' found" ;;
    *) device=$word ;;
  esac
done
echo "Installing image: docker://$target"
loop=$(losetup -f) && losetup "$loop" "$device" || exit 1
case $(cat /behaviour) in
  hangs) echo attached > /var/lib/containers/storage/attached; while :; do sleep 1; done ;;
  fails) losetup -d "$loop"; echo "error: Installing to disk: Creating rootfs: Failed to mkfs.ext4" >&2; exit 1 ;;
esac
gunzip -c /made.gz | dd of="$loop" bs=1M 2>/dev/null || exit 1
sync
losetup -d "$loop"
echo "Installation complete!"
`;

/** The image to install has to be in the storage that it is given, under the name that it is asked for. */
const imageBuilder = `#!/bin/sh
printf '%s\\n' "$@" > /var/lib/containers/storage/words
cat /config.json > /var/lib/containers/storage/config
for word in "$@"; do
  case "$word" in
    --type=anaconda-iso|--rootfs=ext4|--rootfs=xfs|--rootfs=btrfs|--output=/output|--config=/config.json) ;;
    -*) echo "Error: unknown flag: $word" >&2; exit 1 ;;
    *) image=$word ;;
  esac
done
grep -q "\\"\${image%@*}[:@]" /var/lib/containers/storage/*-images/images.json && grep -q "\${image#*@}" /var/lib/containers/storage/*-images/images.json ||
  { echo "Error: cannot build manifest: failed to inspect the image: $image not found" >&2; exit 1; }
[ "$(cat /behaviour)" = fails ] && { echo "error: cannot build manifest: no default filesystem" >&2; exit 1; }
mkdir -p /output/bootiso && gunzip -c /made.gz > /output/bootiso/install.iso
`;

interface Script {
  readonly path: string;
  readonly text: string;
}

async function withScript({ path, text }: Script, made: Buffer, behaviour: Behaviour): Promise<Buffer> {
  const busybox = await readFile("/bin/busybox");
  const folders = ["bin", "usr", "usr/bin", "run", "proc", "sys", "dev", "tmp", "etc", "var", "var/lib", "var/lib/containers", "output"];
  const entries: readonly TarInput[] = [
    ...folders.map((folder): TarInput => ({ path: folder, type: "directory" })),
    { path: "bin/busybox", content: busybox, mode: 0o755 },
    ...applets.map((name): TarInput => ({ path: `bin/${name}`, type: "symlink", linkTarget: "busybox" })),
    { path, content: text, mode: 0o755 },
    { path: "made.gz", content: gzipSync(made) },
    { path: "behaviour", content: behaviour },
  ];
  return tar(entries);
}

export interface StandIn {
  /** The bytes of the disk or installer. */
  readonly made: Buffer;
  readonly behaviour?: Behaviour;
  readonly labels?: Readonly<Record<string, string>>;
}

export const bootcLabels = { "containers.bootc": "1" };

export async function bootcImage({ made, behaviour = "installs", labels = bootcLabels }: StandIn): Promise<MadeImage> {
  return makeImage({ layers: [await withScript({ path: "usr/bin/bootc", text: bootc }, made, behaviour)], labels });
}

/** Has the label, and no bootc in it. */
export async function labelledImage(): Promise<MadeImage> {
  return makeImage({ layers: [await withScript({ path: "usr/bin/other", text: "" }, Buffer.alloc(0), "installs")], labels: bootcLabels });
}

export async function builderImage({ made, behaviour = "installs" }: StandIn): Promise<MadeImage> {
  const layer = await withScript({ path: "usr/bin/bootc-image-builder", text: imageBuilder }, made, behaviour);
  return makeImage({ layers: [layer], entrypoint: ["/usr/bin/bootc-image-builder"] });
}
