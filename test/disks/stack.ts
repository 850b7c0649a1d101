/** Two layers that use everything on which programs that unpack images agree. */
import { bootable } from "./layered-image.ts";
import type { TarInput } from "./tar-writer.ts";

export const base: readonly TarInput[] = [
  { path: ".", type: "directory", mode: 0o711 },
  ...[
    "usr",
    "usr/lib",
    "usr/lib/systemd",
    "usr/lib/systemd/boot",
    "usr/lib/systemd/boot/efi",
    "boot",
    "usr/bin",
    "etc",
    "opt",
    "opt/a",
    "opt/a/b",
  ].map((path): TarInput => ({ path, type: "directory" })),
  ...bootable,
  { path: "bin", type: "symlink", linkTarget: "usr/bin" },
  { path: "sbin", type: "symlink", linkTarget: "/usr/bin" },
  {
    path: "usr/bin/ping",
    content: "ping",
    mode: 0o755,
    xattrs: { "security.capability": Buffer.from("0100000200200000000000000000000000000000", "hex") },
  },
  { path: "usr/bin/tool", content: "tool", mode: 0o4755 },
  { path: "usr/bin/same", type: "hardlink", linkTarget: "usr/bin/tool", mode: 0o4755 },
  { path: "etc/replaced", content: "old" },
  { path: "etc/link", type: "symlink", linkTarget: "replaced" },
  { path: "opt/a/file", content: "1" },
  { path: "opt/a/b/file", content: "2" },
];
export const second: readonly TarInput[] = [
  { path: "bin/through-link", content: "3" },
  { path: "sbin/through-absolute-link", content: "4" },
  { path: "usr/bin/third", type: "hardlink", linkTarget: "usr/bin/tool" },
  { path: "etc/link", content: "no longer a link" },
  { path: "opt/a/.wh.b" },
  { path: "etc/replaced", type: "directory", uid: 5 },
  { path: "etc/replaced/inside", content: "5" },
];
