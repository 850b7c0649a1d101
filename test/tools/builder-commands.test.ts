/** Command lines of the builders as tables, and the readers of what they print. */
import { describe, expect, test } from "vitest";
import type { BuildRequest } from "../../provider/resources/ports.ts";
import * as buildah from "../../provider/tools/buildah.ts";
import { watchSteps } from "../../provider/tools/build-run.ts";
import * as docker from "../../provider/tools/docker.ts";
import { findHereDocument } from "../../provider/tools/here-documents.ts";
import { installFix } from "../../provider/tools/packages.ts";
import * as podman from "../../provider/tools/podman.ts";
import { offerSourceDate } from "../../provider/tools/source-date.ts";

const plain: BuildRequest = {
  builder: "auto",
  context: "/anywhere",
  containerfileText: "FROM scratch\n",
  containerfile: "Containerfile",
  buildArgs: {},
  platforms: [],
  labels: {},
  secrets: {},
  redact: [],
  layoutDirectory: "/layout",
  signal: new AbortController().signal,
  onLine: () => undefined,
};
const full: BuildRequest = {
  ...plain,
  buildArgs: { b: "2 $(id)", a: "1" },
  labels: { z: "", "org.x": 'a="b"' },
  target: "last",
  platforms: ["linux/arm64", "linux/amd64"],
};
const secretFiles = { token: "secrets/0" };
const cacheName = "localhost/bootable-cache/0:latest";

test("buildah and podman: the smallest build", () => {
  expect(buildah.buildArgs({ request: plain, secretFiles: {}, cacheName, useCache: true })).toEqual([
    "build",
    "--timestamp=315532800",
    "--identity-label=false",
    "--layers",
    "--force-rm",
    "--pull=missing",
    "--build-arg=SOURCE_DATE_EPOCH=315532800",
    "--ignorefile=Containerfile.dockerignore",
    "--file=Containerfile",
    "--iidfile=image-id",
    "--tag=localhost/bootable-cache/0:latest",
    "context",
  ]);
});

test("buildah and podman: everything a request can say, sorted", () => {
  const args = buildah.buildArgs({ request: full, secretFiles, cacheName, useCache: false, platform: "linux/arm64" });
  expect(args.slice(6, -5)).toEqual([
    "--no-cache",
    "--platform=linux/arm64",
    "--target=last",
    "--build-arg=SOURCE_DATE_EPOCH=315532800",
    "--build-arg=a=1",
    "--build-arg=b=2 $(id)",
    '--label=org.x=a="b"',
    "--label=z=",
    "--secret=id=token,src=secrets/0",
  ]);
});

test("docker: everything a request can say", () => {
  expect(docker.buildArgs({ request: full, secretFiles })).toEqual([
    "buildx",
    "build",
    "--progress=plain",
    "--provenance=false",
    "--sbom=false",
    "--output=type=oci,dest=layout,tar=false,oci-mediatypes=true,compression=gzip,rewrite-timestamp=true",
    "--platform=linux/arm64,linux/amd64",
    "--target=last",
    "--build-arg=SOURCE_DATE_EPOCH=315532800",
    "--build-arg=a=1",
    "--build-arg=b=2 $(id)",
    '--label=org.x=a="b"',
    "--label=z=",
    "--secret=id=token,src=secrets/0",
    "--file=Containerfile",
    "context",
  ]);
});

test("the program's own SOURCE_DATE_EPOCH counts", () => {
  expect(buildah.argumentsOf({ ...plain, buildArgs: { SOURCE_DATE_EPOCH: "7" } })).toEqual({ SOURCE_DATE_EPOCH: "7" });
});

test("the other commands", () => {
  expect(buildah.pushArgs("id", "p0")).toEqual(["push", "--quiet", "--format=oci", "id", "oci:layout:p0"]);
  expect(buildah.imageIdArgs(cacheName)).toEqual(["images", "--quiet", "--no-trunc", "--filter", `reference=${cacheName}`]);
  expect(buildah.removeContainersArgs(["a", "b"])).toEqual(["rm", "a", "b"]);
  expect(podman.removeContainersArgs(["a"])).toEqual(["rm", "--force", "a"]);
});

describe("what builders print", () => {
  test("working containers; podman's own containers are none", () => {
    const one = { id: "1", imageId: "i" };
    expect(buildah.parseContainers('[{"id": "1", "imageid": "i", "imagename": "n"}]')).toEqual([one]);
    expect(["", "null", "[]"].map(buildah.parseContainers)).toEqual([[], [], []]);
    expect(
      podman.parseContainers('[{"Id": "1", "ImageID": "i", "State": "storage"}, {"Id": "2", "ImageID": "i", "State": "running"}]'),
    ).toEqual([one]);
  });

  test("versions", () => {
    expect(buildah.parseVersion('{"version": "1.28.2"}')).toBe("1.28.2");
    expect(podman.parseVersions("4.3.1 1.28.2\n")).toEqual({ own: "4.3.1", buildah: "1.28.2" });
  });

  test.each([
    ["STEP 3/4: RUN make all", '"RUN make all"'],
    ["[2/2] STEP 1/3: COPY a b", '"COPY a b"'],
    ["#7 [stage-1 2/3] RUN make", '"RUN make"'],
    ["#7 [2/3] RUN [ -f x ]", '"RUN [ -f x ]"'],
    [`STEP 1/1: RUN ${"x".repeat(300)}`, `"RUN ${"x".repeat(196)}…"`],
    ["#7 0.123 output", undefined],
    ["--> 60a8e49181c", undefined],
  ])("%j is at step %j", (line, step) => {
    const watch = watchSteps();
    watch.see(line);
    expect(watch.current()).toBe(step);
  });
});

describe("the source date is offered to every stage", () => {
  test.each([
    ["FROM a", "FROM a\nARG SOURCE_DATE_EPOCH\n"],
    ["FROM a\nRUN x", "FROM a\nARG SOURCE_DATE_EPOCH\nRUN x"],
    ["ARG v=1\r\nFROM a:$v \\\r\n  AS b\r\nRUN x\r\n", "ARG v=1\r\nFROM a:$v \\\r\n  AS b\r\nARG SOURCE_DATE_EPOCH\nRUN x\r\n"],
    ["FROM a\nRUN <<E\nFROM no\nE\nFROM b\n", "FROM a\nARG SOURCE_DATE_EPOCH\nRUN <<E\nFROM no\nE\nFROM b\nARG SOURCE_DATE_EPOCH\n"],
    ["FROM a\n# FROM no\nRUN x \\\nFROM no\n", "FROM a\nARG SOURCE_DATE_EPOCH\n# FROM no\nRUN x \\\nFROM no\n"],
  ])("%j", (text, expected) => expect(offerSourceDate(text, "Containerfile")).toBe(expected));
});

test.each([
  ["FROM a\nRUN <<EOF\nx\nEOF\n", { line: 2, name: "EOF" }],
  ['FROM a\nRUN x\nCOPY <<-"E" /f\n\tx\n\tE\n', { line: 3, name: "E" }],
  ["FROM a\nRUN echo $((1<<4)) \\\n  # <<EOF\n", undefined],
  ['FROM a\nLABEL x="a <<b"\n', undefined],
])("here-document in %j", (text, expected) => expect(findHereDocument(text, "Containerfile")).toEqual(expected));

test.each([
  ["podman", "install podman, or set bootable:tools.podman to its path."],
  ["/opt/bin/qemu-img", "install qemu-utils (Debian) or qemu-img (Fedora), or set bootable:tools.qemuImg to its path."],
  [
    "qemu-system-x86_64",
    "install qemu-system-x86 (Debian) or qemu-system-x86-core (Fedora), or set bootable:tools.qemuSystemX86_64 to its path.",
  ],
  ["unheard-of", "install unheard-of, or set bootable:tools.unheardOf to its path."],
])("%s: what installs it", (program, fix) => expect(installFix(program)).toBe(fix));
