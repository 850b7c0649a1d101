/** What the calls of one provider process share: what is served, the configuration, the engine, the calls under way. */
import type { ServerUnaryCall } from "@grpc/grpc-js";
import { Failure } from "../failure.ts";
import type { CallContext, Package, ProviderConfig } from "../spec/served.ts";
import { CallReporter, statusPace } from "./call-reporter.ts";
import { EngineLog } from "./engine-log.ts";
import { RunningCalls } from "./running-calls.ts";
import type { CallLimits } from "./running-calls.ts";
import { parseUrn } from "./urn.ts";

/** The engine's own default, and what a file backend has; the protocol tells it to Construct only. */
const defaultOrganization = "organization";

/** A gRPC call, as far as a handler needs it: it ends early when the caller goes away. */
export type Call = Pick<ServerUnaryCall<unknown, unknown>, "on">;

export interface ResourceCall extends CallLimits {
  readonly urn: string;
  readonly call: Call;
}

export class Session {
  readonly pkg: Package;
  readonly engine = new EngineLog();
  readonly calls = new RunningCalls();
  /** Apart from the others: what goes wrong in the SDK is no reason to stop these. */
  readonly constructs = new RunningCalls();
  config: ProviderConfig;

  constructor(pkg: Package) {
    this.pkg = pkg;
    this.config = pkg.configure({}).config;
  }

  abortAll(reason: Failure): void {
    this.calls.abortAll(reason);
    this.constructs.abortAll(reason);
  }

  /** Runs a call about one resource, and says what it had to say before it answers. */
  async about<Answer>({ urn, call, ...limits }: ResourceCall, work: (context: CallContext) => Promise<Answer>): Promise<Answer> {
    const { name, project, stack } = parseUrn(urn);
    const { config } = this;
    const report = new CallReporter((message) => this.engine.send(message), urn, statusPace(config.progress, process.env));
    try {
      return await this.calls.run(limits, (signal, abort) => {
        call.on("cancelled", abort);
        return work({ urn, name, project, stack, organization: defaultOrganization, signal, report, config });
      });
    } finally {
      await report.close();
    }
  }

  /** The one of `served` with that token. */
  find<Served extends { readonly token: string }>(served: readonly Served[], token: string, kind: string): Served {
    const found = served.find((one) => one.token === token);
    if (found !== undefined) return found;
    throw new Failure({
      kind: "input",
      message: `${token} is not a ${kind} of ${this.pkg.name} ${this.pkg.version}, which has ${listTokens(served)}.`,
      fix: `correct the type, or use the version of ${this.pkg.name} that the program or the state was made with.`,
    });
  }
}

function listTokens(served: readonly { readonly token: string }[]): string {
  return served.length === 0 ? "none" : served.map(({ token }) => token).join(", ");
}
