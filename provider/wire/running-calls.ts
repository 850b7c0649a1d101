/** The calls that are being worked on, each with the signal that Ctrl-C, a custom timeout and a lost engine abort. */
import { asFailure, cancelled, Failure } from "../failure.ts";
import { HalfDone } from "./status.ts";

export interface CallLimits {
  /** For messages, at the start of a sentence: `Creating "web"`. */
  readonly what: string;
  /** 0: none. */
  readonly timeoutSeconds: number;
  /** `create`, `update`, `delete` or `read`, as in the option customTimeouts. */
  readonly timeoutOption?: string;
}

/** Work that does not heed its signal is left behind after this long; what does gets time to say what it did. */
const graceMilliseconds = 2000;
const longestTimerMilliseconds = 2 ** 31 - 1;

export class RunningCalls {
  readonly #running = new Set<AbortController>();

  /** Calls that begin later are not concerned: the engine says Cancel whenever it closes, too. */
  abortAll(reason: Failure): void {
    for (const controller of this.#running) controller.abort(reason);
  }

  get count(): number {
    return this.#running.size;
  }

  async run<Answer>(limits: CallLimits, work: (signal: AbortSignal, abort: () => void) => Promise<Answer>): Promise<Answer> {
    const controller = new AbortController();
    const abort = (): void => controller.abort(cancelled(limits.what));
    const timer = startTimeout(controller, limits);
    this.#running.add(controller);
    try {
      return await Promise.race([work(controller.signal, abort), overdue(controller.signal, limits)]);
    } catch (thrown) {
      if (thrown instanceof HalfDone) throw thrown;
      throw explainAbort(asFailure(thrown), controller.signal);
    } finally {
      clearTimeout(timer);
      this.#running.delete(controller);
    }
  }
}

/** Work that was stopped says "cancelled"; why it was stopped is known here. */
export function explainAbort(failure: Failure, signal: AbortSignal): Failure {
  const reason: unknown = signal.reason;
  if (failure.code !== "cancelled" || !(reason instanceof Failure) || reason.code === "cancelled") return failure;
  const detail = [failure.message, failure.detail, reason.detail].filter((part) => part !== undefined).join("\n");
  const { kind, message, fix, code, cause } = reason;
  return new Failure({ kind, message, detail, cause, ...(fix === undefined ? {} : { fix }), ...(code === undefined ? {} : { code }) });
}

function startTimeout(controller: AbortController, limits: CallLimits): NodeJS.Timeout | undefined {
  if (limits.timeoutSeconds <= 0) return undefined;
  const milliseconds = Math.min(limits.timeoutSeconds * 1000, longestTimerMilliseconds);
  return setTimeout(() => controller.abort(timedOut(limits)), milliseconds);
}

function timedOut({ what, timeoutSeconds, timeoutOption }: CallLimits): Failure {
  const option = timeoutOption === undefined ? "customTimeouts" : `customTimeouts.${timeoutOption}`;
  return new Failure({
    kind: "input",
    code: "timeout",
    message: `${what} took longer than the ${timeoutSeconds} s that the resource's ${option} allows, and was stopped.`,
    fix: `raise ${option} or leave it out, then run pulumi up again.`,
  });
}

/** Rejects a while after an abort; never settles without one. */
function overdue(signal: AbortSignal, { what }: CallLimits): Promise<never> {
  return new Promise((_, reject) => {
    const leave = (): void => reject(leftBehind(what));
    signal.addEventListener("abort", () => setTimeout(leave, graceMilliseconds).unref(), { once: true });
  });
}

function leftBehind(what: string): Failure {
  return new Failure({
    kind: "environment",
    code: "cancelled",
    message: `${what} was cancelled.`,
    detail: `It did not stop within ${graceMilliseconds / 1000} s and was left behind; what it made so far may be there.`,
  });
}
