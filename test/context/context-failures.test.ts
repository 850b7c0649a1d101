import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { buildContexts } from "../../provider/context/build-contexts.ts";
import { describeFailure, Failure } from "../../provider/failure.ts";
import type { ContextRequest } from "../../provider/resources/ports.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function makeContext(tree: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), "bootable-context-"));
  folders.push(root);
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

interface Trial extends Partial<ContextRequest> {
  readonly now?: () => number;
}

function read(root: string, { now = Date.now, ...more }: Trial = {}): ReturnType<ReturnType<typeof buildContexts>["read"]> {
  const request = { context: root, buildArgs: {}, platforms: ["linux/amd64"], signal: new AbortController().signal, ...more };
  return buildContexts({ cacheDirectory: join(root, ".cache"), now }).read(request);
}

async function problem(root: string, trial: Trial = {}): Promise<string> {
  try {
    await read(root, trial);
  } catch (thrown) {
    if (thrown instanceof Failure) return describeFailure(thrown).replaceAll(root, "CONTEXT");
    throw thrown;
  }
  return "";
}

test.each<[string, Readonly<Record<string, string>>, string, Partial<ContextRequest>?]>([
  [
    "no Containerfile",
    {},
    'There is neither a Containerfile nor a Dockerfile in context "CONTEXT".\nfix: write one there, or set containerfile to its path, relative to the context.',
  ],
  [
    "a Containerfile that is not there",
    { Containerfile: "" },
    'containerfile "os/File" does not exist in context "CONTEXT".\nfix: write one there, or set containerfile to its path, relative to the context.',
    { containerfile: "os/File" },
  ],
  [
    "a syntax error",
    { Containerfile: "FROM a\n\n\n\n\n\nRUNN x\n" },
    'Containerfile line 7: unknown instruction "RUNN"; did you mean RUN?\nfix: correct line 7 of Containerfile.',
  ],
  [
    "a syntax error elsewhere",
    { Dockerfile: "RUN x\n" },
    "Dockerfile line 1: RUN stands before the first FROM; only ARG may\nfix: correct line 1 of Dockerfile.",
  ],
  [
    "COPY of something missing",
    { Containerfile: "FROM a\n\n\nCOPY www/ /srv/www/\n", "ww/x": "" },
    'Containerfile line 4: COPY www/ ...: nothing in context "CONTEXT" matches "www/"\nfix: make it there, or correct the path, which starts at the root of the context.',
  ],
  [
    "COPY of something hidden",
    { Containerfile: "FROM a\nCOPY www/ /srv/www/\n", "www/x": "", ".dockerignore": "# nothing\nw*\n" },
    'Containerfile line 2: COPY www/ ...: "www/" is in context "CONTEXT", but .dockerignore line 2 ("w*") hides it\n' +
      'fix: take that pattern out of .dockerignore, or add one below it that begins with "!".',
  ],
  [
    "COPY of something hidden with its folder",
    { Containerfile: "FROM a\nCOPY www/x /srv/\n", "www/x": "", ".containerignore": "www" },
    'Containerfile line 2: COPY www/x ...: "www/x" is in context "CONTEXT", but .containerignore line 1 ("www") hides it\n' +
      'fix: take that pattern out of .containerignore, or add one below it that begins with "!".',
  ],
  [
    "COPY of something that is not there, in a hidden folder",
    { Containerfile: "FROM a\nCOPY www/y /srv/\n", "www/x": "", ".containerignore": "www" },
    'Containerfile line 2: COPY www/y ...: nothing in context "CONTEXT" matches "www/y"\nfix: make it there, or correct the path, which starts at the root of the context.',
  ],
  [
    "a bind mount of something missing",
    { Containerfile: "FROM a\nRUN --mount=source=x,target=/x true\n" },
    'Containerfile line 2: RUN --mount: nothing in context "CONTEXT" matches "x"\nfix: make it there, or correct the path, which starts at the root of the context.',
  ],
  [
    "a pattern that is none",
    { Containerfile: "FROM a\nCOPY [a /\n" },
    'Containerfile line 2: COPY [a ...: "[a" is not a pattern that builders accept\nfix: correct line 2 of Containerfile.',
  ],
  [
    "an ignore file that is none",
    { Containerfile: "FROM a\n", ".dockerignore": "a\n[\n" },
    '.dockerignore line 2: "[" is not a pattern that builders accept\nfix: close each "[" by "]", and write \\ in front of a character that means itself.',
  ],
  [
    "a target that is none",
    { Containerfile: "FROM a AS base\n" },
    'target "web" is no stage of Containerfile; its stages are base\nfix: name one of them, or leave target out for the last stage.',
    { target: "web" },
  ],
])("says so: %s", async (_, ...[tree, expected, more = {}]) => {
  expect(await problem(makeContext(tree), more)).toBe(expected);
});

test("says so: a context that is not there, is a file, or a URL", async () => {
  const root = makeContext({ file: "" });
  const fix = "\nfix: set context to a folder; a relative one starts at the folder of Pulumi.yaml.";
  const url = "https://git.example/os.git";
  expect(await problem(root, { context: join(root, "os") })).toBe(`context "CONTEXT/os" does not exist.${fix}`);
  expect(await problem(root, { context: join(root, "file") })).toBe(`context "CONTEXT/file" is no folder.${fix}`);
  expect(await problem(root, { context: url })).toBe(
    `context "${url}" is no folder on this computer, and a URL cannot be built from.${fix}`,
  );
});

test("says so: a Containerfile in another encoding", async () => {
  const root = makeContext({});
  writeFileSync(join(root, "Containerfile"), Buffer.from("FROM a\nRUN echo \xe9\n", "latin1"));
  expect(await problem(root)).toBe("Containerfile in the build context is not UTF-8 text.\nfix: save it as UTF-8.");
});

test("says so: a link that leads out of the context", async () => {
  const root = makeContext({ Containerfile: "FROM a\nCOPY l /\n" });
  symlinkSync("/etc/passwd", join(root, "l"));
  expect(await problem(root)).toBe(
    'Containerfile line 2: COPY l ...: "l" is a link to "/etc/passwd", which is not in context "CONTEXT"\n' +
      "fix: builders do not leave the context; put what the link leads to inside it.",
  );
});

test("says so: a file that may not be read, unless it is hidden", async () => {
  const root = makeContext({ Containerfile: "FROM a\nCOPY . /\n", "x/secret": "", "y/z": "" });
  chmodSync(join(root, "x/secret"), 0);
  chmodSync(root, 0o755);
  const expected = (path: string): string =>
    `"${path}" in the build context cannot be read: permission denied (EACCES).\nfix: make it readable, or name it in the ignore file if the build does not need it.`;
  // Root may read everything, so it becomes another user for a moment.
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65534);
  try {
    expect(await problem(root)).toBe(expected("x/secret"));
    if (isRoot) process.seteuid?.(0);
    writeFileSync(join(root, ".dockerignore"), "x");
    chmodSync(join(root, "y"), 0);
    if (isRoot) process.seteuid?.(65534);
    expect(await problem(root)).toBe(expected("y"));
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(join(root, "y"), 0o700);
  }
});

test("lists once more when a file vanishes, and gives up when another does", async () => {
  const tree = { Containerfile: "FROM a\nCOPY x /\n", "x/a": "", "x/b": "", "x/c": "" };
  const once = makeContext(tree);
  const { sources } = await read(once, { now: () => (rmSync(join(once, "x/b"), { force: true }), Date.now()) });
  expect(Object.keys(sources)).toEqual(["Containerfile", "x/a", "x/c"]);
  const twice = makeContext(tree);
  const doomed = ["x/none", "x/a", "x/b"];
  const now = (): number => (rmSync(join(twice, doomed.shift() ?? "x/none"), { force: true }), Date.now());
  expect(await problem(twice, { now })).toMatch(
    /^"x\/[abc]" in the build context was listed and then was not there, twice in a row\.\nfix: wait until nothing writes to the context, or name what does in the ignore file\.$/,
  );
});

test("gives up on a file that changes whenever it is read", async () => {
  const root = makeContext({ Containerfile: "FROM a\nCOPY log /\n", log: "" });
  const now = (): number => (appendFileSync(join(root, "log"), "line\n"), Date.now());
  expect(await problem(root, { now })).toBe(
    '"log" in the build context changed again and again while it was read.\nfix: wait until nothing writes to the context, or name what does in the ignore file.',
  );
});

test("stops when it is cancelled", async () => {
  expect(await problem(makeContext({ Containerfile: "FROM a\n" }), { signal: AbortSignal.abort() })).toBe(
    "Reading the build context was cancelled.",
  );
});

test("remarks on sockets, wildcards that match nothing, and what cannot be told", async () => {
  const root = makeContext({ Containerfile: "FROM a\nCOPY x *.conf /\nCOPY $X /\n", "x/a": "" });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(join(root, "x/s"), resolve));
  try {
    const { remarks, sources } = await read(root);
    expect(Object.keys(sources)).toEqual(["Containerfile", "x/a"]);
    expect(remarks).toEqual([
      "Containerfile line 3: what this COPY takes cannot be told, since only the base image or the builder knows X; the whole context counts",
      'Containerfile line 2: nothing that counts in the context matches "*.conf"; docker copies nothing then, podman and buildah refuse',
      '"x/s" is no file, folder or link, so it does not count',
    ]);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
