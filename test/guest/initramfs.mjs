/**
 * The initramfs of guests is one busybox, the modules of the root disk and this: udev in an initramfs costs more seconds
 * under emulation than all the rest of it, and the init of tiny-initramfs knows neither PARTUUID nor the lack of a serial
 * console.
 */

/** Modules that the root disk needs; what they depend on comes with them. */
export const rootModules = ["virtio_pci", "virtio_blk"];

/** `/modules` names the modules' files, in the order in which they depend on each other. */
export const init = `#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs devtmpfs /dev
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
while read -r module; do $b insmod "$module"; done < /modules
root= mode=ro init=/sbin/init
for word in $($b cat /proc/cmdline); do
  case "$word" in
    root=*) root="\${word#root=}" ;;
    ro | rw) mode="$word" ;;
    init=*) init="\${word#init=}" ;;
  esac
done
# As the partition table writes it: the first three groups of digits byte by byte from the right.
wanted=$(echo "\${root#PARTUUID=}" | $b tr A-F a-f | $b sed -E 's/^(..)(..)(..)(..)-(..)(..)-(..)(..)-/\\4\\3\\2\\1\\6\\5\\8\\7/; s/-//g')
by_partition() {
  for entry in /sys/class/block/*/partition; do
    [ -e "$entry" ] || continue
    folder="\${entry%/partition}"
    link=$($b readlink -f "$folder/..")
    # The table begins at the third sector, an entry has 128 bytes, its second 16 are the partition's own.
    skip=$((64 + ($($b cat "$entry") - 1) * 8 + 1))
    seen=$($b dd if="/dev/\${link##*/}" bs=16 skip=$skip count=1 2>/dev/null | $b hexdump -v -e '1/1 "%02x"')
    [ "$seen" != "$wanted" ] || echo "/dev/\${folder##*/}"
  done
}
find_root() {
  case "$root" in
    PARTUUID=*) by_partition ;;
    UUID=* | LABEL=*) $b findfs "$root" ;;
    *) [ ! -b "$root" ] || echo "$root" ;;
  esac
}
tries=0
while [ $tries -lt 600 ]; do
  device=$(find_root 2>/dev/null)
  [ -z "$device" ] || break
  $b usleep 50000
  tries=$((tries + 1))
done
$b mount -o "$mode" "$device" /target || { echo "initramfs: no root file system at $root"; $b sleep 3600; }
$b mount --move /dev /target/dev
$b umount /proc /sys
exec $b switch_root /target "$init"
`;

/** Sourced by mktirfs when the image is half made. */
const hook = `mkdir -p "$initramfs_dir/bin" "$initramfs_dir/sys"
cp /usr/bin/busybox "$initramfs_dir/bin/busybox"
cp /etc/tiny-initramfs/init "$initramfs_dir/init"
chmod 755 "$initramfs_dir/init"
`;

/** Configuration of tiny-initramfs, which packages it when the kernel is configured. */
export const tinyInitramfs = {
  "etc/tiny-initramfs/tiny-initramfs.conf": `AUTO_MODULES=no\nINCLUDE_MODULES=${rootModules.join(",")}\nMICROCODE=no\n`,
  "etc/tiny-initramfs/init": init,
  "etc/tiny-initramfs/hooks.middle/busybox": hook,
};
