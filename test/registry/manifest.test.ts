/** Manifests as a hostile registry would write them. */
import { writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { Failure } from "../../provider/failure.ts";
import { digestOf, parseConfiguration, parseDescriptor, parseDocument } from "../../provider/registry/manifest.ts";
import { Store } from "../../provider/registry/store.ts";
import { scratchFolder } from "./scratch.ts";

const digest = `sha256:${"a".repeat(64)}`;
const config = { digest, size: 1 };

function told(read: () => unknown): string {
  try {
    return JSON.stringify(read());
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    return error instanceof Failure ? error.message : "";
  }
}

function document(text: string): string {
  return told(() => parseDocument(Buffer.from(text), "", "Image x"));
}

test("nothing of what is no manifest is passed over, and nothing of it floods a message", () => {
  const nested = `${"[".repeat(1_900_000)}${"]".repeat(1_900_000)}`;
  const noVersion = "Image x cannot be used: its manifest has no schema version, and only 2 is known here.";
  expect(document(`{"schemaVersion":${nested}}`)).toBe(noVersion);
  expect(document(`{"other":${nested}}`)).toBe(noVersion);
  expect(document(`{"schemaVersion":"${"x".repeat(3_000_000)}"}`)).toBe(noVersion);
  expect(document('{"schemaVersion":1}')).toBe("Image x cannot be used: its manifest has schema version 1, and only 2 is known here.");
  for (const layers of [{ "0": config }, ["text"], [config, null], "text"]) {
    expect(document(JSON.stringify({ schemaVersion: 2, config, layers }))).toBe(
      "Image x cannot be used: its manifest has layers that are no list of descriptors.",
    );
  }
  expect(document(JSON.stringify({ schemaVersion: 2, manifests: [null] }))).toBe(
    "Image x cannot be used: its manifest has manifests that are no list of descriptors.",
  );
});

test("what is shown or becomes a key has only letters that a terminal does not obey", () => {
  const platform = { os: "\u001b[2Jlinux", architecture: "amd64" };
  expect(told(() => parseConfiguration(Buffer.from(JSON.stringify(platform)), "Configuration x"))).toBe(
    "Configuration x cannot be used: its configuration names no operating system and architecture.",
  );
  expect(parseDescriptor({ ...config, platform }, "Image x").platform).toBeUndefined();
  expect(told(() => parseDescriptor({ ...config, mediaType: "\u001b[2J" }, "Image x"))).toBe(
    `Image x cannot be used: it gives a media type for ${digest} that is no media type.`,
  );
});

test("a large blob that an index calls a manifest is not read into memory", async () => {
  const store = new Store(await scratchFolder());
  await store.prepare();
  const bytes = Buffer.alloc(9 * 1024 ** 2, 1);
  await writeFile(store.path(digestOf(bytes)), bytes);
  expect(await store.read({ digest: digestOf(bytes) })).toBeUndefined();
});
