import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { buildContexts } from "../../provider/context/build-contexts.ts";
import type { ContextReading, ContextRequest } from "../../provider/resources/ports.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "bootable-context-"));
  folders.push(folder);
  return folder;
}

type Tree = Readonly<Record<string, string | { readonly link: string } | { readonly text: string; readonly mode: number } | null>>;

/** Path to content; null makes an empty folder. */
function makeContext(tree: Tree): string {
  const root = temporaryFolder();
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(content === null ? join(root, path) : dirname(join(root, path)), { recursive: true });
    if (content === null) continue;
    if (typeof content === "string") writeFileSync(join(root, path), content);
    else if ("link" in content) symlinkSync(content.link, join(root, path));
    else {
      writeFileSync(join(root, path), content.text);
      chmodSync(join(root, path), content.mode);
    }
  }
  return root;
}

function read(context: string, more: Partial<ContextRequest> = {}): Promise<ContextReading> {
  const request = { context, buildArgs: {}, platforms: ["linux/amd64"], signal: new AbortController().signal, ...more };
  return buildContexts({ cacheDirectory: temporaryFolder() }).read(request);
}

async function sources(tree: Tree): Promise<readonly string[]> {
  return Object.keys((await read(makeContext(tree))).sources);
}

const kiosk: Tree = {
  Containerfile: "FROM quay.io/os/base:1\nCOPY www/ /srv/www/\nCOPY *.service /usr/lib/systemd/system/\n",
  "www/index.html": "hello",
  "www/img/a.png": "png",
  "kiosk.service": "[Unit]",
  "other.service": "[Unit]",
  "notes.txt": "not copied",
};

test("reads what a build can reach, and nothing else", async () => {
  const reading = await read(makeContext(kiosk));
  expect(Object.keys(reading.sources)).toEqual(["Containerfile", "kiosk.service", "other.service", "www/img/a.png", "www/index.html"]);
  expect(Object.values(reading.sources).every((hash) => /^[0-9a-f]{32}$/.test(hash))).toBe(true);
  expect(reading).toMatchObject({
    containerfile: "Containerfile",
    containerfileText: kiosk["Containerfile"],
    baseReferences: ["quay.io/os/base:1"],
    remarks: [],
    instructions: [
      { line: 1, keyword: "FROM" },
      { line: 2, keyword: "COPY" },
      { line: 3, keyword: "COPY" },
    ],
  });
  expect(reading.sourcesHash).toMatch(/^[0-9a-f]{64}$/);
});

test("is the same for another clone: path, times, umask and order do not count", async () => {
  const first = await read(makeContext(kiosk));
  const clone = makeContext(Object.fromEntries(Object.entries(kiosk).toReversed()));
  chmodSync(join(clone, "www/index.html"), 0o600);
  chmodSync(join(clone, "www"), 0o700);
  utimesSync(join(clone, "kiosk.service"), 1, 1);
  writeFileSync(join(clone, "notes.txt"), "changed");
  expect(await read(clone)).toEqual(first);
});

test.each<[string, Tree]>([
  ["content", { "www/index.html": "bye" }],
  ["the executable bit", { "www/index.html": { text: "hello", mode: 0o755 } }],
  ["a file in place of a link", { "www/index.html": { link: "hello" } }],
  ["an empty folder", { "www/empty": null }],
  ["a new file", { "www/new": "" }],
])("sees %s change", async (_, change) => {
  const { "www/index.html": index, ...rest } = kiosk;
  const before = await read(makeContext(kiosk));
  const after = await read(makeContext({ ...rest, ...("www/index.html" in change ? {} : { "www/index.html": index ?? "" }), ...change }));
  expect(after.sourcesHash).not.toBe(before.sourcesHash);
  expect(after.sources).not.toEqual(before.sources);
});

test("a link to a text is another thing than a file with that text", async () => {
  const containerfile = "FROM r/a\nCOPY x /\n";
  const link = await read(makeContext({ Containerfile: containerfile, "x/y": { link: "z" } }));
  const file = await read(makeContext({ Containerfile: containerfile, "x/y": "z" }));
  const other = await read(makeContext({ Containerfile: containerfile, "x/y": { link: "w" } }));
  expect(new Set([link.sourcesHash, file.sourcesHash, other.sourcesHash]).size).toBe(3);
});

test.each<[string, string, Tree, readonly string[]]>([
  ["the whole context", "COPY . /", { a: "", "b/c": "" }, ["Containerfile", "a", "b/c"]],
  ["wildcards", "COPY b*/?.[ch] /", { "b1/x.c": "", "b2/y.h": "", "b2/yy.h": "", "c/x.c": "" }, ["Containerfile", "b1/x.c", "b2/y.h"]],
  ["any depth", "COPY --parents **/x /", { x: "", "a/x": "", "a/b/x/y": "", "a/z": "" }, ["Containerfile", "a/b/x/y", "a/x", "x"]],
  ["folders that a wildcard takes", "COPY a/* /", { "a/b/c": "", "a/d": "", e: "" }, ["Containerfile", "a/b/c", "a/d"]],
  ["empty folders", "COPY a /", { "a/b/c": null, "a/d": "" }, ["Containerfile", "a/b/c/", "a/d"]],
  ["links as they are inside a folder", "COPY a /", { "a/l": { link: "../b" }, "b/c": "" }, ["Containerfile", "a/l"]],
  [
    "a link that is named, and what it leads to",
    "COPY l /",
    { l: { link: "a/b" }, "a/b": { link: "/c" }, "c/d": "" },
    ["Containerfile", "c/d", "l"],
  ],
  ["links on the way", "COPY l/x /", { l: { link: "./a" }, "a/x": "", "a/y": "" }, ["Containerfile", "a/x", "l"]],
  ["a link out of the context, which stops at its root", "COPY l /", { l: { link: "../../a" }, a: "" }, ["Containerfile", "a", "l"]],
  ["a link to itself by way of a wildcard", "COPY * /", { l: { link: "l" }, a: "" }, ["Containerfile", "a", "l"]],
  ["bind mounts", "RUN --mount=type=bind,source=a,target=/a true", { "a/b": "", c: "" }, ["Containerfile", "a/b"]],
  [
    "only what --exclude leaves",
    "COPY --exclude=*.md --exclude=x . /",
    { "a.md": "", b: "", "x/y": "", "z/a.md": "" },
    ["Containerfile", "b", "z/a.md"],
  ],
  [
    "all that docker or podman would not exclude",
    "COPY --exclude=*.md z /",
    { "z/a.md": "", "z/b": "" },
    ["Containerfile", "z/a.md", "z/b"],
  ],
  ["names with odd characters", 'COPY ["a\\nb", "c d", "/x/"]', { "a\nb": "", "c d": "" }, ["Containerfile", "a\nb", "c d"]],
])("finds %s", async (_, ...[instruction, tree, expected]) => {
  expect(await sources({ Containerfile: `FROM r/a\n${instruction}\n`, ...tree })).toEqual(expected);
});

test("does not count what the ignore file hides, but what it brings back", async () => {
  const tree = {
    Containerfile: "FROM r/a\nCOPY . /\n",
    "docs/a": "",
    "docs/keep/b": "",
    ".git/config": "",
    c: "",
    ".containerignore": "docs\n!docs/keep\n.git\nContainerfile\n",
  };
  expect(await sources(tree)).toEqual([".containerignore", "Containerfile", "c", "docs/keep/b"]);
});

test("prefers the ignore file beside the Containerfile, then .containerignore", async () => {
  const tree = {
    "os/Containerfile": "FROM r/a\nCOPY x /\n",
    "x/a": "",
    "x/b": "",
    "x/c": "",
    ".dockerignore": "x/a",
    ".containerignore": "x/b",
  };
  const own = makeContext({ ...tree, "os/Containerfile.dockerignore": "x/c" });
  expect(Object.keys((await read(makeContext(tree), { containerfile: "os/Containerfile" })).sources)).toEqual([
    "os/Containerfile",
    "x/a",
    "x/c",
  ]);
  expect(Object.keys((await read(own, { containerfile: "os/Containerfile" })).sources)).toEqual(["os/Containerfile", "x/a", "x/b"]);
});

test("takes a Dockerfile where there is no Containerfile, and one outside of the context", async () => {
  expect(await sources({ Dockerfile: "FROM r/a\n" })).toEqual(["Dockerfile"]);
  const root = makeContext({ "os/a": "", Containerfile: "FROM r/a\nCOPY a /\n" });
  expect(Object.keys((await read(join(root, "os"), { containerfile: "../Containerfile" })).sources)).toEqual(["../Containerfile", "a"]);
});

test("counts hard links as files", async () => {
  const root = makeContext({ Containerfile: "FROM r/a\nCOPY x /\n", "x/a": "1" });
  linkSync(join(root, "x/a"), join(root, "x/b"));
  const { sources } = await read(root);
  expect(sources["x/a"]).toBe(sources["x/b"]);
});

test("reads names that are not UTF-8, each under a key of its own", async () => {
  const root = makeContext({ Containerfile: "FROM r/a\nCOPY x /\n", "x/\ufffd": "1" });
  for (const byte of [0xff, 0xfe]) writeFileSync(Buffer.concat([Buffer.from(`${root}/x/`), Buffer.of(byte, 0x61)]), "1");
  const before = await read(root);
  expect(Object.keys(before.sources)).toEqual(["Containerfile", "x/\ufffdef\ufffdbf\ufffdbd", "x/\ufffdfea", "x/\ufffdffa"]);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/x/`), Buffer.of(0xff, 0x61)]), "2");
  expect((await read(root)).sources["x/\ufffdffa"]).not.toBe(before.sources["x/\ufffdffa"]);
});

test("folds to folders past 300 entries, and still tells one changed file", async () => {
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`x/d${index % 4}/f${index}`, ""]));
  const tree: Tree = { Containerfile: "FROM r/a\nCOPY x y /\n", ...many, y: "" };
  const before = await read(makeContext(tree));
  const after = await read(makeContext({ ...tree, "x/d1/f1": "changed" }));
  expect(Object.keys(before.sources)).toEqual(["Containerfile", "x/d0/", "x/d1/", "x/d2/", "x/d3/", "y"]);
  expect(Object.keys(before.sources).filter((key) => before.sources[key] !== after.sources[key])).toEqual(["x/d1/"]);
});
