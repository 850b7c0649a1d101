/** Runs every test (or those that the arguments name) and ends with the plain line `N passed, N failed`. */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const checkout = new URL("../..", import.meta.url).pathname;

async function runVitest(reportPath: string, filters: readonly string[]): Promise<number> {
  const argv = [
    "run",
    "--config",
    "test/vitest.config.ts",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${reportPath}`,
    ...filters,
  ];
  const child = spawn(join(checkout, "node_modules", ".bin", "vitest"), argv, { cwd: checkout, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

/** A file that could not even be loaded has no tests in it; it counts as one that failed. */
function countFailures(report: Report): number {
  return report.numFailedTests + report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
}

const folder = await mkdtemp(join(tmpdir(), "bootable-report-"));
try {
  const path = join(folder, "report.json");
  const code = await runVitest(path, process.argv.slice(2));
  const report = JSON.parse(await readFile(path, "utf8")) as Report;
  const failed = Math.max(countFailures(report), code === 0 ? 0 : 1);
  const skipped = report.numPendingTests === 0 ? "" : `, ${report.numPendingTests} skipped`;
  process.stdout.write(`${report.numPassedTests} passed, ${failed} failed${skipped}\n`);
  process.exitCode = failed === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
