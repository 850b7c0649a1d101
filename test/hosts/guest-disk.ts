/** Bootable disks for guests of tests: the base root file system and one layer that serves a page. */
import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { makeDirectly } from "../../provider/disks/direct-engine.ts";
import type { CachedDisk, Layer } from "../../provider/resources/ports.ts";
import { programs } from "../disks/programs.ts";
import { tar } from "../disks/tar-writer.ts";
import { digestOf, plainSettings, signal } from "./workshop.ts";

const kiosk = `[Unit]
Description=Serves a page

[Service]
ExecStart=/usr/bin/busybox httpd -f -p 80 -h /srv/www
`;

function layerOf(name: string, sizeBytes: number, open: () => Readable): Layer {
  return { digest: digestOf(name), mediaType: "application/vnd.oci.image.layer.v1.tar", sizeBytes, open };
}

/** The page is the version; `broken` has no service to serve it. */
export async function makeGuestDisk(folder: string, version: string, broken = false): Promise<CachedDisk> {
  const base = process.env["BOOTABLE_BASE_TAR"];
  if (base === undefined) throw new Error("BOOTABLE_BASE_TAR names no base root file system: run the tests with npm test, which makes it.");
  const wants = "etc/systemd/system/multi-user.target.wants/kiosk.service";
  const top = tar([
    { path: "etc/systemd/system/kiosk.service", content: kiosk },
    { path: "srv/www/index.html", content: version },
    ...(broken ? [] : [{ path: wants, type: "symlink" as const, linkTarget: "/etc/systemd/system/kiosk.service" }]),
  ]);
  const identity = digestOf(`guest ${version}`).slice("sha256:".length);
  const directory = join(folder, "disks", identity);
  await mkdir(directory, { recursive: true });
  const { path, digest } = await makeDirectly({
    image: {
      digest: digestOf(version),
      platform: plainSettings.platform,
      labels: {},
      blobs: "/none",
      layers: [
        layerOf("base", (await stat(base)).size, () => createReadStream(base, { highWaterMark: 1 << 20 })),
        layerOf(version, top.length, () => Readable.from([top])),
      ],
    },
    options: { filesystem: "ext4", kernelArguments: [], engine: "direct", platform: plainSettings.platform, rootSshAuthorizedKeys: [] },
    identity,
    programs,
    directory,
    signal,
    onProgress: () => undefined,
  });
  return { identity, path, sizeBytes: (await stat(path)).size, digest };
}
