/** The one error class: everything that this provider reports to a person is a Failure. */

/**
 * Who can mend it: `input` (the program), `environment` (this computer), `tool` (a program that we ran),
 * `remote` (a registry, a cloud, a host) or `bug` (us).
 */
export type FailureKind = "input" | "environment" | "tool" | "remote" | "bug";

export interface FailureParts {
  readonly kind: FailureKind;
  /** First line: what failed, in the user's words: resource, property, the value seen, what is accepted. */
  readonly message: string;
  /** Further lines, for example the last output of a program, already trimmed and redacted. */
  readonly detail?: string;
  /** One thing to do, without the leading "fix:". */
  readonly fix?: string;
  readonly cause?: unknown;
  /** A word for code to branch on (`not-found`, `unauthorized`, `cancelled`, ...); never shown. */
  readonly code?: string;
}

export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  readonly detail: string | undefined;
  readonly fix: string | undefined;
  readonly code: string | undefined;

  constructor(parts: FailureParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.kind = parts.kind;
    this.detail = parts.detail;
    this.fix = parts.fix;
    this.code = parts.code;
  }
}

/** The failure as a person reads it: message, detail, and "fix:" on the last line. */
export function describeFailure(failure: Failure): string {
  const fix = failure.fix === undefined ? undefined : `fix: ${failure.fix}`;
  return [failure.message, failure.detail, fix].filter((part) => part !== undefined && part !== "").join("\n");
}

/** The same failure in other words; what it was becomes the cause. */
export function retell(cause: Failure, words: { readonly message: string; readonly fix?: string | undefined }): Failure {
  const { kind, detail, code } = cause;
  const fix = words.fix ?? cause.fix;
  return new Failure({
    kind,
    message: words.message,
    ...(detail === undefined ? {} : { detail }),
    ...(fix === undefined ? {} : { fix }),
    ...(code === undefined ? {} : { code }),
    cause,
  });
}

/** Any thrown value as a Failure; what is not one already is a bug and keeps its stack in `detail`. */
export function asFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure) return thrown;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return new Failure({
    kind: "bug",
    message: `Something went wrong inside the bootable provider: ${error.message}`,
    ...(error.stack === undefined ? {} : { detail: error.stack }),
    cause: error,
  });
}

/** The failure of work that was stopped by Ctrl-C or by a timeout. */
export function cancelled(what: string): Failure {
  return new Failure({ kind: "environment", code: "cancelled", message: `${what} was cancelled.` });
}
