/** A folder in which a Pulumi program in TypeScript runs: the generated SDK compiled in `sdks/`, dependencies by links, no network. */
import { execFile } from "node:child_process";
import { mkdir, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const checkout = new URL("../..", import.meta.url).pathname;
const programs = join(checkout, "node_modules", ".bin");

/** What `pulumi package add <checkout>` and `npm install` do, by the generator alone. */
export async function installSdk(directory: string): Promise<void> {
  const sdk = join(directory, "sdks", "bootable");
  await mkdir(sdk, { recursive: true });
  await run("sdkgen", ["nodejs", join(checkout, "schema.json"), sdk]);
  const modules = join(directory, "node_modules");
  await mkdir(modules);
  for (const name of ["@pulumi", "@types", "typescript"]) await symlink(join(checkout, "node_modules", name), join(modules, name));
  await symlink(sdk, join(modules, "pulumi-bootable"));
  const env = { ...process.env, PATH: `${programs}${delimiter}${process.env["PATH"] ?? ""}` };
  await run("node", [join("scripts", "postinstall.js")], { cwd: sdk, env });
}

/** What the compiler says of the program: nothing when its types are right. */
export async function compile(directory: string, ...options: readonly string[]): Promise<string> {
  const failed = (error: { stdout: string; code: number }): { stdout: string } => ({ stdout: `${error.stdout}exit code ${error.code}\n` });
  const { stdout } = await run(join(programs, "tsc"), ["--pretty", "false", ...options], { cwd: directory }).catch(failed);
  return stdout;
}
