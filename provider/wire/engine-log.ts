/** Messages to the engine, which shows them to the person who runs pulumi. */
import { credentials } from "@grpc/grpc-js";
import engineService from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import engineProto from "@pulumi/pulumi/proto/engine_pb.js";

export interface EngineMessage {
  readonly severity: "info" | "warning";
  readonly text: string;
  readonly urn: string;
  /** Shown beside the resource until the next one; left out of the summary. */
  readonly ephemeral: boolean;
}

/** A message is dropped when the engine does not take it within this time: it must not hold up the work. */
const deadlineMilliseconds = 5000;

export class EngineLog {
  #client: engineService.EngineClient | undefined;
  #address: string | undefined;

  /** The address is known from the command line, from Handshake or from Attach; the last one counts. */
  connect(address: string): void {
    if (address === "" || address === this.#address) return;
    this.#client?.close();
    this.#address = address;
    this.#client = new engineService.EngineClient(address, credentials.createInsecure());
  }

  get address(): string | undefined {
    return this.#address;
  }

  /** Resolves when the engine has it, or will not have it. */
  async send(message: EngineMessage): Promise<void> {
    const client = this.#client;
    if (client === undefined) return;
    const request = new engineProto.LogRequest();
    request.setSeverity(message.severity === "warning" ? engineProto.LogSeverity.WARNING : engineProto.LogSeverity.INFO);
    request.setMessage(message.text);
    request.setUrn(message.urn);
    request.setEphemeral(message.ephemeral);
    const deadline = Date.now() + deadlineMilliseconds;
    await new Promise<void>((resolve) => {
      client.log(request, { deadline } as never, () => resolve());
    });
  }

  close(): void {
    this.#client?.close();
  }
}
