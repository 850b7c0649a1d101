/** A run of an external program as data. `tools/process.ts` runs it; every other room is handed a RunProgram. */

export interface ProgramRun {
  /** Name looked up on PATH, or a path. */
  readonly program: string;
  /** Never through a shell: each arrives verbatim. */
  readonly args: readonly string[];
  /** What it is needed for, in the user's words, for messages: `to write qcow2`. */
  readonly purpose: string;
  readonly workingDirectory?: string;
  /** Added to the few variables that a child gets (PATH, HOME, locale C.UTF-8, XDG_*, TMPDIR, proxies, what builders need). */
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly signal: AbortSignal;
  /** Killed after that long; a Failure with code `timeout`. */
  readonly timeoutSeconds?: number;
  /** Exit codes that are answers, not failures; default [0]. */
  readonly exitCodes?: readonly number[];
  /** Each line as it comes; then `stdout`/`stderr` of the result keep only the last 64 KiB. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** On abort or timeout its children are stopped before it, so that it can tidy up after them within the second that it has. */
  readonly stopChildrenFirst?: boolean;
  /** Texts that must not show in any message. */
  readonly redact?: readonly string[];
}

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Throws a Failure: code `not-found` (kind environment; says what installs it), `timeout`, `cancelled`, `signal` or
 * `exit` (kind tool; message has the exit code, detail the last 20 lines of output). On abort the whole process
 * group gets SIGTERM, after a second SIGKILL.
 */
export type RunProgram = (run: ProgramRun) => Promise<ProgramResult>;

/** A child that goes on without us, in a session of its own. */
export interface DetachedRun {
  readonly program: string;
  readonly args: readonly string[];
  readonly purpose: string;
  readonly workingDirectory: string;
  /** File that gets both output streams. */
  readonly outputFile: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Answers the process id once the program has been started. */
export type StartDetached = (run: DetachedRun) => Promise<number>;
