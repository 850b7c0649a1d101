/** Runs tiny real programs: argv, streams, exit codes, cancellation, timeouts, missing programs, detached children. */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { asFailure, describeFailure, type Failure } from "../../provider/failure.ts";
import type { ProgramRun } from "../../provider/model/program.ts";
import { runProgram, startDetached } from "../../provider/tools/process.ts";
import { toolbox } from "../../provider/tools/toolbox.ts";
import { isRunning, until } from "./process-waiting.ts";

const node = process.execPath;
let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "process-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function script(source: string, more: Partial<ProgramRun> = {}): ProgramRun {
  return { program: node, args: ["-e", source], purpose: "to test", signal: new AbortController().signal, ...more };
}

async function failureOf(run: Promise<unknown>): Promise<Failure> {
  return run.then(
    () => expect.fail("the run should have ended in a Failure"),
    (error: unknown) => asFailure(error),
  );
}

/** The message as shown, with this computer's path of Node taken out. */
function shown(failure: Failure): string {
  return describeFailure(failure).replaceAll(node, "node");
}

describe("what goes in", () => {
  test("each argument arrives verbatim, however hostile", async () => {
    const hostile = [
      "",
      " ",
      "a b",
      "$(id)",
      "`id`",
      "; rm -rf /",
      "'\"",
      "*",
      "~",
      "\\",
      "a\nb",
      "-n",
      "--",
      "é漢\u{1F600}",
      "%s",
      "&&",
      ">x",
    ];
    const { stdout } = await runProgram(
      script("", { args: ["-e", "process.stdout.write(JSON.stringify(process.argv.slice(1)))", "--", ...hostile] }),
    );
    expect(JSON.parse(stdout)).toEqual(hostile);
  });

  test("input reaches standard input, and none means an empty one", async () => {
    const copy = "process.stdin.pipe(process.stdout)";
    expect((await runProgram(script(copy, { input: "é\0x" }))).stdout).toBe("é\0x");
    expect((await runProgram(script(copy))).stdout).toBe("");
  });

  test("a program that ignores a large input is no failure", async () => {
    expect((await runProgram(script("process.exit(0)", { input: Buffer.alloc(4 * 1024 * 1024) }))).exitCode).toBe(0);
  });

  test("only a short list of variables passes", async () => {
    process.env["AWS_SECRET_ACCESS_KEY"] = "do-not-pass";
    process.env["STORAGE_DRIVER"] = "vfs";
    try {
      const { stdout } = await runProgram(script("console.log(JSON.stringify(process.env))", { environment: { EXTRA: "1" } }));
      const seen = JSON.parse(stdout) as Record<string, string>;
      expect(seen).toMatchObject({ PATH: process.env["PATH"], STORAGE_DRIVER: "vfs", LC_ALL: "C.UTF-8", EXTRA: "1" });
      expect(seen).not.toHaveProperty("AWS_SECRET_ACCESS_KEY");
    } finally {
      delete process.env["AWS_SECRET_ACCESS_KEY"];
      delete process.env["STORAGE_DRIVER"];
    }
  });

  test("tool paths replace programs by their keys", async () => {
    const tools = toolbox(() => ({ qemuImg: node }));
    const { stdout } = await tools.runProgram(script("console.log(1)", { program: "qemu-img" }));
    expect(stdout).toBe("1\n");
  });
});

describe("what comes out", () => {
  test("lines come as they are written, decoded per stream, at LF, CR LF and CR", async () => {
    const lines: [string, string][] = [];
    const source = `
      const bytes = Buffer.from("é1\\r\\n2\\r3\\nlast");
      process.stdout.write(bytes.subarray(0, 1));
      setTimeout(() => { process.stderr.write("e\\n"); process.stdout.write(bytes.subarray(1)); }, 50);`;
    await runProgram(script(source, { onLine: (line, stream) => lines.push([stream, line]) }));
    expect(lines.filter(([stream]) => stream === "stdout").map(([, line]) => line)).toEqual(["é1", "2", "3", "last"]);
    expect(lines.filter(([stream]) => stream === "stderr").map(([, line]) => line)).toEqual(["e"]);
  });

  test("only the last 64 KiB of a stream are kept, and an endless line comes in pieces", async () => {
    let longest = 0;
    const source = 'process.stdout.write("x".repeat(300_000) + "end")';
    const { stdout } = await runProgram(script(source, { onLine: (line) => (longest = Math.max(longest, line.length)) }));
    expect(stdout.length).toBe(64 * 1024);
    expect(stdout.endsWith("xend")).toBe(true);
    expect(longest).toBeLessThanOrEqual(64 * 1024);
  });

  test("an exit code that is an answer is no failure", async () => {
    expect((await runProgram(script("process.exit(3)", { exitCodes: [0, 3] }))).exitCode).toBe(3);
  });

  test("another exit code fails with the last lines, secrets taken out", async () => {
    const source = 'for (let i = 0; i < 30; i++) console.log("line", i); console.error("key hunter2\\nBEGIN-KEY\\n}"); process.exit(7)';
    const seen: string[] = [];
    const run = script(source, {
      purpose: "to test with hunter2",
      redact: ["hunter2", "BEGIN-KEY\n}\n", ""],
      onLine: (line) => seen.push(line),
    });
    const failure = await failureOf(runProgram(run));
    expect({ kind: failure.kind, code: failure.code }).toEqual({ kind: "tool", code: "exit" });
    const stdoutLines = Array.from({ length: 17 }, (_, index) => `line ${index + 13}`);
    const [message, ...detail] = shown(failure).split("\n");
    expect(message).toBe("node, run to test with [redacted], exited with code 7.");
    expect([...detail].sort()).toEqual([...stdoutLines, "[redacted]", "key [redacted]", "}"].sort());
    expect(seen.join()).not.toMatch(/hunter2|BEGIN-KEY/);
  });

  test("an end by a signal is told as such", async () => {
    const failure = await failureOf(runProgram(script('process.kill(process.pid, "SIGSEGV")')));
    expect(failure.code).toBe("signal");
    expect(shown(failure)).toBe("node, run to test, was ended by signal SIGSEGV.");
  });

  test("a background process that keeps the pipes does not hold the run up", async () => {
    const source = `
      const child = require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
      console.log(child.pid); child.unref(); process.exit(0);`;
    const { stdout } = await runProgram(script(source));
    await until("the left-over child to be gone", () => !isRunning(Number(stdout)));
    expect(isRunning(Number(stdout))).toBe(false);
  });
});

describe("missing programs", () => {
  const signal = new AbortController().signal;

  test("one not on PATH says what installs it", async () => {
    const run = { program: "qemu-img", args: [], purpose: "to write vmdk", signal, environment: { PATH: directory } };
    const failure = await failureOf(runProgram(run));
    expect({ kind: failure.kind, code: failure.code }).toEqual({ kind: "environment", code: "not-found" });
    expect(describeFailure(failure)).toMatchInlineSnapshot(`
      "qemu-img is needed to write vmdk, and none was found on PATH.
      fix: install qemu-utils (Debian) or qemu-img (Fedora), or set bootable:tools.qemuImg to its path."
    `);
  });

  test("a path that leads nowhere is named", async () => {
    const failure = await failureOf(runProgram({ program: "/nowhere/debugfs", args: [], purpose: "to make a file system", signal }));
    expect(describeFailure(failure)).toMatchInlineSnapshot(`
      "/nowhere/debugfs is needed to make a file system, and there is no such file.
      fix: install e2fsprogs, or set bootable:tools.debugfs to its path."
    `);
  });

  test("a file that cannot be executed is told from a missing one", async () => {
    const failure = await failureOf(runProgram({ program: "/etc/passwd", args: [], purpose: "to test", signal }));
    expect(describeFailure(failure)).toMatchInlineSnapshot(`
      "/etc/passwd is needed to test, and could not be started (EACCES).
      fix: install passwd, or set bootable:tools.passwd to its path."
    `);
  });

  test("a missing working directory is told from a missing program", async () => {
    const failure = await failureOf(runProgram(script("", { workingDirectory: "/nowhere" })));
    expect(shown(failure)).toMatchInlineSnapshot(`"node, run to test, has no folder to work in: /nowhere does not exist."`);
  });
});

describe("stopping", () => {
  /** Prints its own pid, that of a child, and that of a child in a session of its own; all three ignore SIGTERM. */
  const stubborn = `
    const { spawn } = require("node:child_process");
    process.on("SIGTERM", () => {});
    const deaf = 'process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)';
    const near = spawn(process.execPath, ["-e", deaf], { stdio: ["ignore", "pipe", "ignore"] });
    const far = spawn(process.execPath, ["-e", deaf], { stdio: ["ignore", "pipe", "ignore"], detached: true });
    let ready = 0;
    for (const child of [near, far]) child.stdout.once("data", () => { if (++ready === 2) console.log(process.pid, near.pid, far.pid); });
    setInterval(() => {}, 1000);`;

  test("an abort ends children and grandchildren that ignore SIGTERM within two seconds", async () => {
    const controller = new AbortController();
    let pids: number[] = [];
    let abortedAt = 0;
    const onLine = (line: string): void => {
      pids = line.split(" ").map(Number);
      abortedAt = Date.now();
      controller.abort();
    };
    const failure = await failureOf(runProgram(script(stubborn, { signal: controller.signal, onLine })));
    const took = Date.now() - abortedAt;
    await until("all to be gone", () => !pids.some(isRunning));
    expect(pids).toHaveLength(3);
    expect(took).toBeLessThan(2000);
    expect({ kind: failure.kind, code: failure.code }).toEqual({ kind: "environment", code: "cancelled" });
    expect(shown(failure)).toBe("node, run to test, was cancelled.");
  });

  test("one that obeys SIGTERM is not waited for", async () => {
    const controller = new AbortController();
    let abortedAt = 0;
    const onLine = (): void => {
      abortedAt = Date.now();
      controller.abort();
    };
    await failureOf(runProgram(script("console.log(1); setInterval(() => {}, 1000)", { signal: controller.signal, onLine })));
    expect(Date.now() - abortedAt).toBeLessThan(900);
  });

  test("with its children stopped first, a program tidies up after them", async () => {
    const controller = new AbortController();
    const tidy = join(directory, "tidied");
    const source = `
      const { spawn } = require("node:child_process");
      const deaf = 'process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)';
      spawn(process.execPath, ["-e", deaf], { stdio: "inherit" })
        .once("exit", (code, signal) => { require("node:fs").writeFileSync(process.argv[1], signal); process.exit(1); });`;
    const onLine = (): void => controller.abort();
    const run = script(source, { args: ["-e", source, tidy], signal: controller.signal, stopChildrenFirst: true, onLine });
    expect((await failureOf(runProgram(run))).code).toBe("cancelled");
    expect(readFileSync(tidy, "utf8")).toBe("SIGKILL");
  });

  test("nothing starts once the signal has been aborted", async () => {
    const failure = await failureOf(runProgram({ program: "/nowhere", args: [], purpose: "to test", signal: AbortSignal.abort() }));
    expect(describeFailure(failure)).toBe("/nowhere, run to test, was cancelled.");
  });

  test("a timeout is told with its length", async () => {
    const failure = await failureOf(runProgram(script('console.log("so far"); setInterval(() => {}, 1000)', { timeoutSeconds: 0.5 })));
    expect(failure.code).toBe("timeout");
    expect(shown(failure)).toBe("node, run to test, was stopped since it had not finished after 0.5 s.\nso far");
  });
});

describe("detached children", () => {
  test("one lives on when its parent's whole process group is killed", async () => {
    const outputFile = join(directory, "output");
    const fixture = fileURLToPath(new URL("fixtures/start-detached.ts", import.meta.url));
    const parent = spawn(node, [fixture, outputFile], { detached: true, stdio: ["ignore", "pipe", "inherit"] });
    const pid = await new Promise<number>((resolve) => parent.stdout.once("data", (text: Buffer) => resolve(Number(text))));
    try {
      const gone = new Promise((resolve) => parent.once("exit", resolve));
      process.kill(-(parent.pid ?? 0), "SIGKILL");
      await gone;
      await until("the child's output", () => readFileSync(outputFile, "utf8") === "out\nerr\n");
      expect(isRunning(pid)).toBe(true);
      const [, , group, session] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      expect([group, session]).toEqual([String(pid), String(pid)]);
    } finally {
      process.kill(pid, "SIGKILL");
    }
  });

  test("a missing program is told at once", async () => {
    const outputFile = join(directory, "output");
    const run = { program: "/nowhere/qemu-system-x86_64", args: [], purpose: "to run machines", workingDirectory: "/", outputFile };
    expect(describeFailure(await failureOf(startDetached(run)))).toMatchInlineSnapshot(`
      "/nowhere/qemu-system-x86_64 is needed to run machines, and there is no such file.
      fix: install qemu-system-x86 (Debian) or qemu-system-x86-core (Fedora), or set bootable:tools.qemuSystemX86_64 to its path."
    `);
  });
});
