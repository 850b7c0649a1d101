/** The linter refuses what the table of rooms in provider/README.md does not allow, and nothing else. */
import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const checkout = new URL("../..", import.meta.url).pathname;

interface Room {
  /** `model`, or `failure.ts` for a file beside the rooms. */
  readonly name: string;
  readonly calls: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
}

const words = (text: string): ReadonlySet<string> => new Set(text.split(/, | and /).filter((word) => word !== "" && word !== "nothing"));

/** Rows such as: room, what is in it, `model, failure; ports as types`. */
async function rooms(): Promise<readonly Room[]> {
  const readme = await readFile(join(checkout, "provider/README.md"), "utf8");
  return [...readme.matchAll(/^\| `([a-z.-]+)\/?` \| .* \| (.*) \|$/gm)].map(([, name = "", uses = ""]) => {
    const [calls = "", types = ""] = uses.split("; ");
    return { name, calls: words(calls), types: words(types.replace(" as types", "")) };
  });
}

interface Probe {
  readonly file: string;
  readonly from: string;
  readonly how: "value" | "type" | "dynamic";
  readonly allowed: boolean;
}

/** A file of each room to import from, with the word that the table has for it. */
const targets: readonly (readonly [path: string, word: string])[] = [
  ...["model", "spec", "rollout", "storage", "context", "registry", "disks", "hosts", "tools", "wire"].map(
    (room) => [`${room}/probed.ts`, room] as const,
  ),
  ["components/probed.ts", "components"],
  ["resources/probed.ts", "resources"],
  ["resources/ports.ts", "ports"],
  ["rollout/fleet.ts", "rollout/fleet"],
  ["rollout/driver.ts", "rollout/driver"],
  ["failure.ts", "failure"],
  ["schema.ts", "schema"],
  ["fill-root.ts", "fill-root"],
  ["main.ts", "main"],
];

function probesOf({ name, calls, types }: Room): Probe[] {
  const isFile = name.endsWith(".ts");
  const file = isFile ? name : `${name}/probe.ts`;
  const foreign = targets.filter(([path]) => path !== file && dirname(path) !== name);
  const imports = foreign.flatMap(([path, word]): Probe[] => {
    const asValue = calls.has(word) || calls.has(dirname(path));
    const asType = asValue || types.has(word);
    const from = isFile ? `./${path}` : `../${path}`;
    return [
      { file, from, how: "value", allowed: asValue },
      { file, from, how: "type", allowed: asType },
      { file, from: isFile ? from : from.replace("../", "./../"), how: "value", allowed: isFile && asValue },
      { file, from, how: "dynamic", allowed: asValue },
    ];
  });
  const packages = { "@grpc/grpc-js": ["wire"], "@pulumi/pulumi": ["wire", "components"], "smol-toml": ["registry"], "tar-stream": [] };
  const bare = Object.entries(packages).map(([from, who]): Probe => ({
    file,
    from,
    how: "value",
    allowed: who.some((one) => one === name),
  }));
  const child = { file, from: "node:child_process", how: "value", allowed: false } as const;
  return [...imports, ...bare, child];
}

function statement({ from, how }: Probe, index: number): string {
  if (how === "dynamic") return `export const v${index} = import("${from}");`;
  return `export ${how === "type" ? "type " : ""}{ v${index} } from "${from}";`;
}

/** Places that the linter refuses, as `file:line`. */
async function refused(folder: string): Promise<ReadonlySet<string>> {
  const program = join(checkout, "node_modules/.bin/oxlint");
  const output = await new Promise<string>((resolve) => {
    execFile(program, ["-f", "unix", "provider"], { cwd: folder, maxBuffer: 2 ** 24 }, (_, stdout) => resolve(stdout));
  });
  return new Set([...output.matchAll(/^provider\/(\S+?):(\d+):\d+: .*no-restricted-imports/gm)].map(([, file, line]) => `${file}:${line}`));
}

test("each room may import what the table says, as it says, and nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "borders-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await copyFile(join(checkout, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  const probed = (await rooms()).filter(({ name }) => name !== "main.ts");
  expect(probed.map(({ name }) => name).join(" ")).toBe(
    "fill-root.ts schema.ts failure.ts model spec resources components rollout storage context registry disks hosts tools wire",
  );
  const wrong: string[] = [];
  const perRoom = probed.map(probesOf);
  for (const probes of perRoom) {
    const path = join(folder, "provider", probes[0]?.file ?? "");
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, `${probes.map(statement).join("\n")}\n`);
  }
  const refusals = await refused(folder);
  for (const probes of perRoom) {
    for (const [index, { file, from, how, allowed }] of probes.entries()) {
      if (refusals.has(`${file}:${index + 1}`) === allowed) wrong.push(`${file}: ${how} of ${from} is ${allowed ? "refused" : "allowed"}`);
    }
  }
  expect(wrong).toEqual([]);
});
