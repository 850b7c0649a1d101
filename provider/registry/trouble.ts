/** Why a registry gave no usable answer: as data while it may be tried again, told once as a Failure. */
import { cancelled, Failure } from "../failure.ts";

export type TroubleCode =
  | "unreachable"
  | "untrusted"
  | "timeout"
  | "unauthorized"
  | "forbidden"
  | "not-found"
  | "rate-limited"
  | "server-error"
  | "foreign-redirect"
  | "wrong-digest"
  | "refused";

export interface Trouble {
  readonly trouble: TroubleCode;
  /** Ends the sentence that Task.failing begins: `the registry answered 403`. */
  readonly reason: string;
  readonly detail?: string;
  readonly fix?: string;
  /** Whether the same request may do better in a moment. */
  readonly passing: boolean;
  /** What the registry asked for in Retry-After. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** What the user wants, for messages and for its end. */
export interface Task {
  /** `Could not push image 127.0.0.1:5000/team/os` */
  readonly failing: string;
  /** `Pushing image 127.0.0.1:5000/team/os` */
  readonly doing: string;
  readonly signal: AbortSignal;
  /** For each question asked, retries included. */
  readonly timeoutSeconds?: number;
}

export function isTrouble(outcome: object): outcome is Trouble {
  return "trouble" in outcome;
}

export function failureOf(task: Task, trouble: Trouble): Failure {
  return new Failure({
    kind: "remote",
    code: trouble.trouble,
    message: `${task.failing}: ${trouble.reason}.`,
    ...(trouble.detail === undefined ? {} : { detail: trouble.detail }),
    ...(trouble.fix === undefined ? {} : { fix: trouble.fix }),
    ...(trouble.cause === undefined ? {} : { cause: trouble.cause }),
  });
}

/** The outcome when it is no trouble. */
export function must<T extends object>(task: Task, outcome: T | Trouble): T {
  if (isTrouble(outcome)) throw failureOf(task, outcome);
  return outcome;
}

export function throwIfCancelled(task: Task): void {
  if (task.signal.aborted) throw cancelled(task.doing);
}

/** The silence of a connection, told apart from errors of the system. */
export const silent = "SILENT";
/** A connection that was not made in time. */
export const unconnected = "UNCONNECTED";

function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

const untrustedCertificate =
  /^(?:CERT_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_ALTNAME_INVALID$|HOSTNAME_MISMATCH$)/;

function tlsTrouble(error: unknown, host: string): Trouble | undefined {
  const code = errorCode(error);
  if (untrustedCertificate.test(code)) {
    return {
      trouble: "untrusted",
      passing: false,
      cause: error,
      reason: `the TLS certificate of ${host} is not trusted (${code})`,
      fix: `put the certificate of the authority that signed it in /etc/containers/certs.d/${host}/ca.crt, as podman has it.`,
    };
  }
  if (code !== "EPROTO" && !code.startsWith("ERR_SSL_")) return undefined;
  if (code.includes("_ALERT_")) {
    return {
      trouble: "untrusted",
      passing: false,
      cause: error,
      reason: `${host} refused our side of the TLS handshake (${code})`,
      fix: `if it asks for client certificates, put one in /etc/containers/certs.d/${host}/ as client.cert with client.key.`,
    };
  }
  return {
    trouble: "untrusted",
    passing: false,
    cause: error,
    reason: `${host} does not speak TLS as a registry must (${code})`,
    fix: `if it is a plain HTTP registry, give it a [[registry]] table in ~/.config/containers/registries.conf with location = "${host}" and insecure = true.`,
  };
}

const networkReasons: Readonly<Record<string, (host: string) => string>> = {
  ECONNREFUSED: (host) => `nothing answers at ${host} (connection refused)`,
  ENOTFOUND: (host) => `no address is known for ${host}`,
  EAI_AGAIN: (host) => `the address of ${host} could not be looked up (DNS does not answer)`,
  [unconnected]: (host) => `no connection to ${host} came about in time`,
  [silent]: (host) => `${host} went silent in the middle of an exchange`,
};

/** A network error of Node as a trouble with `host`. */
export function networkTrouble(error: unknown, host: string): Trouble {
  const tls = tlsTrouble(error, host);
  if (tls !== undefined) return tls;
  const code = errorCode(error);
  const reason = networkReasons[code]?.(host) ?? `${host} closed the connection too early (${code === "" ? "no code" : code})`;
  return {
    trouble: code === silent || code === unconnected ? "timeout" : "unreachable",
    passing: code !== "ENOTFOUND",
    cause: error,
    reason,
    fix: `check that ${host} is the registry's name and port and that it is up.`,
  };
}
