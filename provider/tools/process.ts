/** Runs external programs; the only importer of node:child_process. Never through a shell. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { cancelled, Failure } from "../failure.ts";
import type { DetachedRun, ProgramResult, ProgramRun, RunProgram, StartDetached } from "../model/program.ts";
import { childEnvironment } from "./environment.ts";
import { collect, lastLines } from "./output.ts";
import { installFix, toolKey } from "./packages.ts";
import { endGroup, signalGroup } from "./process-group.ts";
import { redactor } from "./redaction.ts";

/** A background process that kept our pipes after the program itself had ended is waited for that long. */
const lingerMilliseconds = 1000;

/** Children in work; they are in groups of their own, so nobody else would end them if we left. */
const groups = new Set<number>();
process.once("exit", () => {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
});

interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

type Interruption = "cancelled" | "timeout";

export const runProgram: RunProgram = async (run) => {
  const redact = redactor(run.redact ?? []);
  if (run.signal.aborted) throw cancelled(redact(subject(run)));
  const child = await start(run, () =>
    spawn(run.program, run.args, {
      ...options(run),
      stdio: [run.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    }),
  );
  const last = lastLines();
  const gather = (stream: "stdout" | "stderr"): (() => string) | undefined =>
    child[stream] === null
      ? undefined
      : collect(child[stream], (line) => {
          const shown = redact(line);
          last.add(shown);
          run.onLine?.(shown, stream);
        });
  const stdout = gather("stdout");
  const stderr = gather("stderr");
  feed(child, run.input);
  const { ending, interruption } = await finish(child, run);
  const result = { exitCode: ending.code ?? -1, stdout: stdout?.() ?? "", stderr: stderr?.() ?? "" };
  return judge({ run, ending, interruption, result, detail: last.text(), redact });
};

export const startDetached: StartDetached = async (run) => {
  await using output = await open(run.outputFile, "a", 0o600);
  const child = await start(run, () => spawn(run.program, run.args, { ...options(run), stdio: ["ignore", output.fd, output.fd] }));
  child.unref();
  return child.pid ?? 0;
};

/** The path set for a program under its key in `bootable:tools` (`qemuImg` for `qemu-img`), else its name. */
export function toolPath(program: string, paths: Readonly<Record<string, string>>): string {
  const key = toolKey(program);
  return (Object.hasOwn(paths, key) ? paths[key] : undefined) ?? program;
}

/** `detached` makes a session and a process group, so that one signal reaches the child and all it started. */
function options(run: ProgramRun | DetachedRun): { readonly detached: true; readonly cwd?: string; readonly env: Record<string, string> } {
  const cwd = run.workingDirectory === undefined ? {} : { cwd: run.workingDirectory };
  return { detached: true, env: childEnvironment(process.env, run.environment), ...cwd };
}

/** Resolves once the program runs. Node throws some start errors at once and emits others. */
function start(run: ProgramRun | DetachedRun, begin: () => ChildProcess): Promise<ChildProcess> {
  return new Promise<ChildProcess>((resolve, reject) => {
    const child = begin();
    child.once("error", reject);
    child.once("spawn", () => resolve(child));
  }).catch((error: NodeJS.ErrnoException) => {
    throw notStarted(run, error.code ?? error.name);
  });
}

function notStarted(run: ProgramRun | DetachedRun, code: string): Failure {
  const { program, purpose, workingDirectory } = run;
  const environment = { kind: "environment", fix: installFix(program) } as const;
  if (workingDirectory !== undefined && !existsSync(workingDirectory)) {
    return new Failure({ kind: "environment", message: `${subject(run)} has no folder to work in: ${workingDirectory} does not exist.` });
  }
  if (code === "ENOENT" && program.includes("/")) {
    return new Failure({ ...environment, code: "not-found", message: `${program} is needed ${purpose}, and there is no such file.` });
  }
  if (code === "ENOENT") {
    return new Failure({ ...environment, code: "not-found", message: `${program} is needed ${purpose}, and none was found on PATH.` });
  }
  return new Failure({
    ...environment,
    code: "not-started",
    message: `${program} is needed ${purpose}, and could not be started (${code}).`,
  });
}

function feed(child: ChildProcess, input: string | Uint8Array | undefined): void {
  // A program that does not read its input to the end tells what it thinks of it by its exit code.
  child.stdin?.on("error", () => undefined);
  if (input !== undefined) child.stdin?.end(input);
}

/** Waits for the end of the program and of its output; ends everything on abort or timeout. */
async function finish(child: ChildProcess, run: ProgramRun): Promise<{ readonly ending: Ending; readonly interruption?: Interruption }> {
  const pid = child.pid ?? 0;
  let interruption: Interruption | undefined;
  let ended: Promise<void> | undefined;
  const interrupt = (why: Interruption): void => {
    interruption ??= why;
    ended ??= endGroup(pid, run.stopChildrenFirst);
  };
  const abort = (): void => interrupt("cancelled");
  const timer = run.timeoutSeconds === undefined ? undefined : setTimeout(() => interrupt("timeout"), run.timeoutSeconds * 1000);
  groups.add(pid);
  run.signal.addEventListener("abort", abort, { once: true });
  if (run.signal.aborted) abort();
  try {
    const ending = await closed(child);
    await ended;
    return { ending, ...(interruption === undefined ? {} : { interruption }) };
  } finally {
    clearTimeout(timer);
    run.signal.removeEventListener("abort", abort);
    groups.delete(pid);
  }
}

function closed(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    let linger: NodeJS.Timeout | undefined;
    child.once("exit", () => {
      linger = setTimeout(() => {
        signalGroup(child.pid ?? 0, "SIGKILL");
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, lingerMilliseconds);
    });
    child.once("close", (code: number | null, signal: NodeJS.Signals | null) => {
      clearTimeout(linger);
      resolve({ code, signal });
    });
  });
}

interface Outcome {
  readonly run: ProgramRun;
  readonly ending: Ending;
  readonly interruption: Interruption | undefined;
  readonly result: ProgramResult;
  /** The last lines of output, redacted already. */
  readonly detail: string;
  readonly redact: (text: string) => string;
}

function judge({ run, ending, interruption, result, detail, redact }: Outcome): ProgramResult {
  const fail = (code: string, what: string): Failure =>
    new Failure({ kind: "tool", code, message: redact(`${subject(run)} ${what}.`), ...(detail === "" ? {} : { detail }) });
  if (interruption === "cancelled") throw cancelled(redact(subject(run)));
  if (interruption === "timeout") throw fail("timeout", `was stopped since it had not finished after ${run.timeoutSeconds} s`);
  if (ending.code === null) throw fail("signal", `was ended by signal ${ending.signal}`);
  if (!(run.exitCodes ?? [0]).includes(ending.code)) throw fail("exit", `exited with code ${ending.code}`);
  return result;
}

/** `qemu-img, run to write qcow2,`: the subject of a sentence. */
function subject(run: ProgramRun | DetachedRun): string {
  return `${run.program}, run ${run.purpose},`;
}
