/** Copies of build contexts: the same whoever made the original. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
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
import { copyContext, type ContextCopy } from "../../provider/tools/staged-context.ts";

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

test("names arrive byte for byte, listed or found", async () => {
  const names = ["a b", "é", "-rf", "x\ny", "*"];
  for (const name of names) put(name, name, 0o644);
  await copy({ files: names.slice(1) });
  expect(names.slice(1).map((name) => readFileSync(join(directory, "to", name), "utf8"))).toEqual(names.slice(1));
  expect(() => lstatSync(join(directory, "to", "a b"))).toThrow("ENOENT");
});

test("a copy inside the context does not copy itself", async () => {
  put("a", "a", 0o644);
  await copy({ to: join(directory, "from/to"), leaveOut: [join(directory, "from/to")] });
  expect(() => lstatSync(join(directory, "from/to/to"))).toThrow("ENOENT");
  expect(readFileSync(join(directory, "from/to/a"), "utf8")).toBe("a");
});

test("a file that is gone is named", async () => {
  expect(await trouble({ files: ["gone/file"] })).toMatchInlineSnapshot(`
    "gone/file disappeared from the build context /room/from while it was being read. Nothing was built.
    fix: run pulumi up again once nothing changes the folder any more."
  `);
});

test("a list never leads out of the context", async () => {
  expect(await trouble({ files: ["../etc/passwd"] })).toMatchInlineSnapshot(
    `"The list of context files names ../etc/passwd, which is outside the context."`,
  );
});

test("an abort stops it", async () => {
  put("a", "a", 0o644);
  expect(await trouble({ signal: AbortSignal.abort() })).toBe("Copying the build context was cancelled.");
});
