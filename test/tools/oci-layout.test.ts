/** Layouts as builders write them, finished: one entry, nothing that depends on the builder's cache. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { asFailure, describeFailure } from "../../provider/failure.ts";
import { joinEntries, keepOnlyEntry, moveLayout, takeEntry } from "../../provider/tools/oci-layout.ts";
import { blob, onlyEntry } from "./build-fixture.ts";

let layout = "";
beforeEach(() => {
  layout = mkdtempSync(join(tmpdir(), "layout-"));
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
});
afterEach(() => rmSync(layout, { recursive: true, force: true }));

const manifestType = "application/vnd.oci.image.manifest.v1+json";

function put(value: unknown): { readonly digest: string; readonly size: number } {
  const text = JSON.stringify(value);
  const hex = createHash("sha256").update(text).digest("hex");
  writeFileSync(join(layout, "blobs/sha256", hex), text);
  return { digest: `sha256:${hex}`, size: text.length };
}

function index(...entries: readonly unknown[]): void {
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: entries }));
}

/** An image whose history and annotations hold `noise`. */
function image(name: string, architecture: string, noise: string): void {
  const history = [{ comment: `FROM ${noise}` }, { created_by: "RUN x", comment: `FROM ${noise}` }, { comment: "by hand" }, {}];
  const config = put({ os: "linux", architecture, history });
  const annotations = { "org.opencontainers.image.base.name": noise, "org.example": "kept" };
  const { digest, size } = put({ schemaVersion: 2, config: { mediaType: "c", ...config }, layers: [], annotations });
  const known = { "org.opencontainers.image.ref.name": name };
  index({ mediaType: manifestType, digest, size, annotations: known });
}

async function trouble(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => expect.fail("it should have ended in a Failure"),
    (error: unknown) => describeFailure(asFailure(error)),
  );
}

describe("an entry", () => {
  test("is the same whatever the cache called the steps before, and nothing else is lost", async () => {
    image("p0", "amd64", "c43d3e9b67da");
    const first = await takeEntry(layout, "p0");
    image("p0", "amd64", "docker.io/library/c43d-tmp:latest");
    const second = await takeEntry(layout, "p0");
    expect(second).toEqual(first);
    const manifest = JSON.parse(blob(layout, first).toString()) as { config: typeof first; annotations: unknown };
    expect(manifest.annotations).toEqual({ "org.example": "kept" });
    expect(JSON.parse(blob(layout, manifest.config).toString())).toEqual({
      os: "linux",
      architecture: "amd64",
      history: [{}, { created_by: "RUN x" }, { comment: "by hand" }, {}],
    });
    expect(readdirSync(join(layout, "blobs/sha256"))).toHaveLength(2);
  });

  test("that is missing, or has a digest that could be a path, is refused", async () => {
    index();
    expect(await trouble(takeEntry(layout, "p0"))).toBe("The builder wrote no image into its OCI layout, though it reported success.");
    index({ mediaType: manifestType, digest: "sha256:../../x", size: 1, annotations: { "org.opencontainers.image.ref.name": "p0" } });
    expect(await trouble(takeEntry(layout, "p0"))).toBe('The builder wrote an image with the digest "sha256:../../x"; sha256 is expected.');
  });
});

describe("the one entry", () => {
  test("of several images is an index in the order given", async () => {
    image("p0", "arm64", "x");
    const arm = await takeEntry(layout, "p0");
    image("p1", "amd64", "x");
    const amd = await takeEntry(layout, "p1");
    await joinEntries(layout, [arm, amd]);
    const { manifests } = JSON.parse(blob(layout, onlyEntry(layout)).toString()) as { manifests: unknown };
    expect(manifests).toEqual([arm, amd]);
    expect(amd.platform).toEqual({ architecture: "amd64", os: "linux" });
  });

  test("of one image is itself", async () => {
    image("p0", "amd64", "x");
    const { platform: _, ...descriptor } = await takeEntry(layout, "p0");
    await joinEntries(layout, [{ ...descriptor, platform: { os: "linux", architecture: "amd64" } }]);
    expect(onlyEntry(layout)).toEqual(descriptor);
  });

  test("cannot be made of one image twice", async () => {
    image("p0", "amd64", "x");
    const entry = await takeEntry(layout, "p0");
    expect(await trouble(joinEntries(layout, [entry, entry]))).toBe("platforms: linux/amd64 is named twice.");
  });

  test("that a builder wrote loses its names; two of them are refused", async () => {
    const entry = { mediaType: manifestType, digest: `sha256:${"0".repeat(64)}`, size: 2 };
    index({ ...entry, annotations: { "io.containerd.image.name": "x" } });
    await keepOnlyEntry(layout);
    expect(onlyEntry(layout)).toEqual(entry);
    index(entry, entry);
    expect(await trouble(keepOnlyEntry(layout))).toBe("The builder wrote 2 images into its OCI layout; one is expected.");
  });
});

test("a finished layout moves whole", async () => {
  image("p0", "amd64", "x");
  const target = mkdtempSync(join(tmpdir(), "target-"));
  try {
    await moveLayout(layout, target);
    expect(readdirSync(target).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    expect(readFileSync(join(target, "oci-layout"), "utf8")).toContain("imageLayoutVersion");
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
});
