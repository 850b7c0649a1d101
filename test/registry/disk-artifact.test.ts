/** The manifest of a disk: what registries take. */
import { expect, test } from "vitest";
import { diskManifest } from "../../provider/registry/disk-artifact.ts";
import { parseDocument } from "../../provider/registry/manifest.ts";
import { makeImage, sha256 } from "../fakes/oci-layout.ts";
import { messageOf } from "./scratch.ts";

const image = makeImage();
const subject = parseDocument(image.manifest, image.mediaType, "the image");
const place = {
  repository: { registry: "registry.example.com", repository: "team/os" },
  subject: image.digest,
  identity: "0123".repeat(16),
};
const pieceBytes = 64 * 1024 ** 2;

/** A disk in which every piece has data. */
function manifestOf(pieces: number): Buffer {
  const blob = { digest: sha256("packed"), sizeBytes: pieceBytes };
  const chunks = Array.from({ length: pieces }, (_, index) => ({
    offsetBytes: index * pieceBytes,
    lengthBytes: pieceBytes,
    digest: sha256("raw"),
    blob,
  }));
  return Buffer.from(diskManifest(place, subject, { digest: sha256("disk"), sizeBytes: pieces * pieceBytes, chunks }).bytes);
}

test("disks of half a TiB of data fit into a manifest, and larger ones are refused", async () => {
  expect(manifestOf(8 * 1024).length).toBeLessThan(4 * 1024 ** 2);
  expect(await messageOf(Promise.resolve().then(() => manifestOf(16 * 1024)))).toMatchInlineSnapshot(`
    "The disk registry.example.com/team/os:disk-01230123012301230123012301230123 has 16384 pieces with data, and a manifest that names them all is larger than registries take (4 MiB). It was not published.
    fix: leave publish out, or make the image smaller."
  `);
});

test("the same disk gives the same manifest", () => {
  expect(manifestOf(3).equals(manifestOf(3))).toBe(true);
});
