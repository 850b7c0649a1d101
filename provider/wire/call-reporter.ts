/** What one call reports: messages in the order they came, and a status that neither floods a terminal nor a CI log. */
import type { ProviderConfig, Reporter } from "../spec/served.ts";
import type { EngineMessage } from "./engine-log.ts";

export type SendMessage = (message: EngineMessage) => Promise<void>;
/** `each-second` for a terminal, `steps` where every status becomes a line of its own. */
export type StatusPace = "each-second" | "steps" | "none";

const intervalMilliseconds = 1000;

export function statusPace(progress: ProviderConfig["progress"], environment: NodeJS.ProcessEnv): StatusPace {
  if (progress === "none") return "none";
  const ci = environment["CI"] ?? "";
  return progress === "lines" || (ci !== "" && ci !== "false" && ci !== "0") ? "steps" : "each-second";
}

/**
 * Two statuses with the same key say nearly the same: they differ in numbers that stand alone only ("14 s", not
 * "kiosk-2"), and where they count ("40%", "4 of 10", "4/10") they are in the same tenth.
 */
export function statusStep(text: string): string {
  const counted = /([\d.,]+) ?(?:%|(?:of|\/) ?([\d.,]+))/u.exec(text);
  const phase = (counted === null ? text : text.slice(0, counted.index)).replaceAll(/(?<![\w.-])\d[\d.,]*/gu, "#");
  if (counted === null) return phase;
  const share = counted[2] === undefined ? plainNumber(counted[1]) / 100 : plainNumber(counted[1]) / plainNumber(counted[2]);
  return `${phase}${Math.floor(share * 10)}`;
}

function plainNumber(text: string | undefined): number {
  return Number((text ?? "").replaceAll(",", ""));
}

export class CallReporter implements Reporter {
  readonly #send: SendMessage;
  readonly #urn: string;
  readonly #pace: StatusPace;
  #sent: Promise<void> = Promise.resolve();
  #pending: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastStep: string | undefined;
  #closed = false;

  constructor(send: SendMessage, urn: string, pace: StatusPace) {
    this.#send = send;
    this.#urn = urn;
    this.#pace = pace;
  }

  info(text: string): void {
    this.#enqueue({ severity: "info", text, urn: this.#urn, ephemeral: false });
  }

  warn(text: string): void {
    this.#enqueue({ severity: "warning", text, urn: this.#urn, ephemeral: false });
  }

  status(text: string): void {
    if (this.#pace === "none" || this.#closed) return;
    if (this.#pace === "steps") return this.#statusStep(text);
    this.#pending = text;
    this.#timer ??= this.#showAndWait();
  }

  /** Takes the status away and waits until all is said, so that it stands before the call's own result. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    if (this.#pace === "each-second" && this.#lastStep !== undefined) this.#show("");
    await this.#sent;
  }

  #statusStep(text: string): void {
    const step = statusStep(text);
    if (step === this.#lastStep) return;
    this.#show(text);
    this.#lastStep = step;
  }

  #showAndWait(): NodeJS.Timeout {
    if (this.#pending !== undefined) this.#show(this.#pending);
    this.#pending = undefined;
    return setTimeout(() => {
      this.#timer = this.#pending === undefined ? undefined : this.#showAndWait();
    }, intervalMilliseconds);
  }

  #show(text: string): void {
    this.#lastStep = text;
    this.#enqueue({ severity: "info", text, urn: this.#urn, ephemeral: true });
  }

  #enqueue(message: EngineMessage): void {
    this.#sent = this.#sent.then(() => this.#send(message));
  }
}
