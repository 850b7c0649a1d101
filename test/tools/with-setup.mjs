/**
 * Prepares this computer and the checkout, then runs one of: test, bench, quickstart. Works on Node 20, before `npm ci`.
 *   node test/tools/with-setup.mjs <prepare|test|bench|quickstart> [arguments]
 *   node test/tools/with-setup.mjs packages [quickstart]
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { base, others, provideRoots } from "./setup/guest-roots.mjs";
import { compileProvider, installModules, node24 } from "./setup/node-modules.mjs";
import { provideOlderNode } from "./setup/older-node.mjs";
import { explainMissing, installPackages, missingPackages } from "./setup/packages.mjs";
import { missingPulumi, providePeer, providePulumi } from "./setup/pulumi.mjs";
import { checkout, step, stepTimes } from "./setup/run.mjs";

const entries = { test: "test/tools/run-tests.ts", bench: "test/bench/run.ts", quickstart: "examples/quickstart/run.ts" };

async function packages(command) {
  const missing = await missingPackages(command);
  if (missing.length === 0) return "unchanged";
  await installPackages(missing);
  return `installed ${missing.length} packages`;
}

/** Says all that is missing at once, and before anything is downloaded or built. */
async function refuseWhatCannotWork(command) {
  const missing = process.getuid?.() === 0 ? [] : await missingPackages(command);
  const problems = [...(missing.length === 0 ? [] : [explainMissing(missing, command)]), ...(await missingPulumi())];
  if (problems.length > 0) throw new Error(problems.join("\n"));
}

/** Everything that the programs and tests expect, and the environment in which they find it. */
async function prepare(command) {
  await refuseWhatCannotWork(command);
  let programs = "";
  let roots = {};
  // The compiler of the Pulumi CLI keeps one core busy for minutes; what waits for the network goes beside it.
  const pulumi = step("Pulumi CLI and language hosts", async () => {
    const provided = await providePulumi(command === "quickstart" ? ["pulumi", "pulumi-language-yaml"] : undefined);
    programs = provided.folder;
    return provided.did;
  });
  const system = async () => {
    await step("dependencies", installModules);
    await step("Debian packages", () => packages(command));
    await step("provider", compileProvider);
    await step("guest root file systems", async () => {
      const provided = await provideRoots(command === "quickstart" ? [base] : [base, ...others]);
      roots = provided.env;
      return provided.did;
    });
    if (command === "quickstart") return;
    await step("oldest Node", async () => {
      const provided = await provideOlderNode();
      roots = { ...roots, BOOTABLE_NODE_22: provided.path };
      return provided.did;
    });
  };
  const ended = await Promise.allSettled([pulumi, system()]);
  const failed = ended.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return {
    PATH: [join(node24, ".."), programs, process.env.PATH].join(":"),
    ...roots,
    BUILDAH_ISOLATION: process.env.BUILDAH_ISOLATION ?? "chroot",
  };
}

/** What only benchmarks need. */
async function prepareBench() {
  let plugin = "";
  await step("pulumi-docker-build", async () => {
    const { folder, did } = await providePeer();
    plugin = folder;
    return did;
  });
  return { BOOTABLE_DOCKER_BUILD: plugin };
}

async function main() {
  const [command = "", ...rest] = process.argv.slice(2);
  if (command === "packages") return step("Debian packages", () => packages(rest[0] ?? "test"));
  if (command !== "prepare" && !(command in entries))
    throw new Error(`"${command}" is not one of packages, prepare, ${Object.keys(entries).join(", ")}.`);
  const environment = await prepare(command);
  if (command === "prepare") return undefined;
  if (command === "bench") Object.assign(environment, await prepareBench());
  const env = { ...process.env, ...environment, BOOTABLE_SETUP_TIMES: JSON.stringify(stepTimes()) };
  const child = spawn(node24, [join(checkout, entries[command]), ...rest], { cwd: checkout, env, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  const code = await new Promise((resolve) => child.once("close", (status, signal) => resolve(status ?? (signal ? 130 : 1))));
  process.exitCode = code;
  return undefined;
}

main().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
