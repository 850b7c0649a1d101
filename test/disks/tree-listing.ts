/** All that find, stat, sha256sum and getfattr tell of a tree, so that two trees can be compared by what others see in them. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Bytes of names and values are kept as they are: one character each. */
async function listed(program: string, args: readonly string[], directory: string): Promise<string> {
  const environment = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`, LC_ALL: "C" };
  const { stdout } = await run(program, args, { cwd: directory, encoding: "latin1", maxBuffer: 2 ** 30, env: environment });
  return stdout;
}

const notLostAndFound = ["-path", "./lost+found", "-prune", "-o"];

/**
 * One line for each path and each fact of it, in order: kind, mode, owner, links, size, whole seconds of its time and target;
 * numbers of devices; digests of contents; extended attributes. `lost+found` is left out.
 */
export async function listTree(directory: string): Promise<string[]> {
  const find = (...rest: readonly string[]): Promise<string> => listed("find", [".", ...notLostAndFound, ...rest], directory);
  const facts = (kind: readonly string[], format: string): Promise<string> => find(...kind, "-printf", `%p\\0${format}\\0\\n`);
  const found = [
    // How large a directory is, and whether its links count lost+found, is up to the file system.
    await facts(["-type", "d"], "%y %m %U:%G %Ts"),
    await facts(["-mindepth", "1", "-type", "d"], "%n links"),
    await facts(["!", "-type", "d"], "%y %m %U:%G x%n %s %Ts %l"),
    await find("(", "-type", "b", "-o", "-type", "c", ")", "-exec", "stat", "--printf", "%n\\0device %t:%T\\0\\n", "{}", "+"),
  ];
  const lines = found.flatMap((text) => text.split("\0\n"));
  const digests = (await find("-type", "f", "-exec", "sha256sum", "-z", "--", "{}", "+")).split("\0");
  return [...lines, ...digests, ...(await attributesIn(directory))].filter((line) => line !== "").sort();
}

/** getfattr escapes line breaks in names. */
async function attributesIn(directory: string): Promise<string[]> {
  const args = ["-R", "-P", "-h", "-d", "-m", "-", "-e", "hex", "."];
  const text = await listed("getfattr", args, directory);
  return text.split("\n\n").map((paragraph) => {
    const [name = "", ...values] = paragraph.split("\n").filter((line) => line !== "");
    return name === "" ? "" : `${name} ${values.sort().join(" ")}`;
  });
}

/** The first lines that one of them has and the other has not; undefined when they are the same. */
export function difference(expected: readonly string[], found: readonly string[]): string | undefined {
  if (digestOf(expected) === digestOf(found)) return undefined;
  const missing = without(expected, found).map((line) => `- ${line}`);
  const added = without(found, expected).map((line) => `+ ${line}`);
  return [...missing.slice(0, 20), ...added.slice(0, 20), `${missing.length} missing, ${added.length} added`].join("\n");
}

function digestOf(lines: readonly string[]): string {
  const hash = createHash("sha256");
  for (const line of lines) hash.update(line, "latin1").update("\0\n");
  return hash.digest("hex");
}

function without(lines: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return lines.filter((line) => !known.has(line));
}
