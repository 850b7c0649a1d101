/** The provider as it is installed: compiled, with its launcher, in a folder that lives as long as the test file. */
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, onTestFinished } from "vitest";

export const checkout = join(import.meta.dirname, "../..");

export interface CompiledProvider {
  readonly root: string;
  readonly launcher: string;
}

export function compileProvider(): CompiledProvider {
  const root = mkdtempSync(join(tmpdir(), "built-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const compiler = join(checkout, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [compiler, "-p", join(checkout, "provider/tsconfig.json"), "--noCheck", "--outDir", join(root, "dist")]);
  for (const file of ["package.json", "schema.json"]) copyFileSync(join(checkout, file), join(root, file));
  mkdirSync(join(root, "provider"));
  const launcher = join(root, "provider/pulumi-resource-bootable");
  copyFileSync(join(checkout, "provider/pulumi-resource-bootable"), launcher);
  symlinkSync(join(checkout, "node_modules"), join(root, "node_modules"));
  return { root, launcher };
}

export interface Listening {
  readonly port: string;
  /** What was written to standard error before the port line. */
  readonly errors: string;
  readonly milliseconds: number;
}

/** Starts a program that prints its port, until the test ends. */
export async function startListening(program: string, args: readonly string[]): Promise<Listening> {
  const env = { ...process.env, PATH: `${join(process.execPath, "..")}:${process.env["PATH"] ?? ""}` };
  const child = spawn(program, [...args, "127.0.0.1:1"], { stdio: ["ignore", "pipe", "pipe"], env });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  onTestFinished(() => void child.kill());
  const started = performance.now();
  const port = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).once("line", resolve);
    child.once("exit", () => reject(new Error(errors)));
  });
  return { port, errors, milliseconds: performance.now() - started };
}
