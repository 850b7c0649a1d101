/** Copies of build contexts: the same whoever made the original. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { asFailure, describeFailure } from "../../provider/failure.ts";
import { nothingIgnored, parseIgnoreFile } from "../../provider/model/ignore-file.ts";
import { copyContext, copyFailure, type ContextCopy } from "../../provider/tools/staged-context.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "context-"));
  mkdirSync(join(directory, "from"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function copy(more: Partial<ContextCopy> = {}): Promise<void> {
  return copyContext({
    from: join(directory, "from"),
    to: join(directory, "to"),
    rules: nothingIgnored,
    leaveOut: [],
    signal: new AbortController().signal,
    ...more,
  });
}

async function trouble(more: Partial<ContextCopy>): Promise<string> {
  const failed = copy(more).then(
    () => expect.fail("the copy should have ended in a Failure"),
    (error: unknown) => describeFailure(asFailure(error)),
  );
  return (await failed).replaceAll(directory, "/room");
}

function put(name: string, text: string, mode: number): void {
  writeFileSync(join(directory, "from", name), text);
  chmodSync(join(directory, "from", name), mode);
}

function copied(name: string): string {
  const stat = lstatSync(join(directory, "to", name));
  return `${stat.isDirectory() ? "folder" : "file"} ${(stat.mode & 0o7777).toString(8)} links ${stat.isDirectory() ? "-" : stat.nlink}`;
}

test("modes are those of Git, hard links are taken apart, links are kept as they are, pipes are left out", async () => {
  mkdirSync(join(directory, "from/d"));
  chmodSync(join(directory, "from/d"), 0o700);
  put("d/secret", "s", 0o600);
  put("d/setuid", "x", 0o4775);
  linkSync(join(directory, "from/d/secret"), join(directory, "from/other"));
  symlinkSync("/nowhere/../x", join(directory, "from/link"));
  execFileSync("mkfifo", [join(directory, "from/pipe")]);
  const umask = process.umask(0o077);
  await copy();
  process.umask(umask);
  expect(Object.fromEntries(["d", "d/secret", "d/setuid", "other"].map((name) => [name, copied(name)]))).toEqual({
    d: "folder 755 links -",
    "d/secret": "file 644 links 1",
    "d/setuid": "file 755 links 1",
    other: "file 644 links 1",
  });
  expect(readlinkSync(join(directory, "to/link"))).toBe("/nowhere/../x");
  expect(() => lstatSync(join(directory, "to/pipe"))).toThrow("ENOENT");
});

test("names arrive byte for byte", async () => {
  const names = ["a b", "é", "-rf", "x\ny", "*"];
  for (const name of names) put(name, name, 0o644);
  await copy();
  expect(names.map((name) => readFileSync(join(directory, "to", name), "utf8"))).toEqual(names);
});

test("what the ignore file hides is not even read; what it brings back is there with its folders", async () => {
  for (const folder of ["node_modules", "d", "d/e", "empty"]) mkdirSync(join(directory, "from", folder));
  for (const name of ["node_modules/x", "d/hidden", "d/e/kept", "top"]) put(name, name, 0o644);
  await copy({ rules: parseIgnoreFile("node_modules\nd\n!d/e/kept\n", ".dockerignore") });
  expect(readdirSync(join(directory, "to"), { recursive: true }).map(String).sort()).toEqual(["d", "d/e", "d/e/kept", "empty", "top"]);
});

test("a copy inside the context does not copy itself", async () => {
  put("a", "a", 0o644);
  await copy({ to: join(directory, "from/to"), leaveOut: [join(directory, "from/to")] });
  expect(() => lstatSync(join(directory, "from/to/to"))).toThrow("ENOENT");
  expect(readFileSync(join(directory, "from/to/a"), "utf8")).toBe("a");
});

test("a context that is gone is named", async () => {
  rmSync(join(directory, "from"), { recursive: true });
  expect(await trouble({})).toMatchInlineSnapshot(`
    "The build context /room/from disappeared while it was being read. Nothing was built.
    fix: run pulumi up again once nothing changes the folder any more."
  `);
});

test.each([
  ["ENOENT", "run pulumi up again once nothing changes the folder any more."],
  ["ENOSPC", "free some space, then run pulumi up again."],
  ["EACCES", "make it readable for you, or list it in .containerignore."],
])("%s: the file is named, and what to do", (code, fix) => {
  const says: Record<string, string> = {
    ENOENT: "disappeared while it was being read",
    ENOSPC: "could not be copied for the build, since the disk is full",
    EACCES: "could not be read (EACCES)",
  };
  const shown = describeFailure(copyFailure("d/file", "/ctx", Object.assign(new Error("why"), { code })));
  expect(shown).toBe(`d/file of the build context /ctx ${says[code]}. Nothing was built.\nfix: ${fix}`);
});

test("an abort stops it", async () => {
  put("a", "a", 0o644);
  expect(await trouble({ signal: AbortSignal.abort() })).toBe("Copying the build context was cancelled.");
});
