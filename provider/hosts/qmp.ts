/** A client of QEMU's machine protocol over a Unix socket. Source: QEMU docs/interop/qmp-spec. */
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { cancelled, Failure } from "../failure.ts";
import { pause } from "./pause.ts";

export interface Monitor {
  /** Answers what the command returns. A refusal is a Failure with code `qmp-refused`. */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
}

export interface MonitorRequest {
  readonly socket: string;
  /** For the connection, and again for each command. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/** The kernel takes no longer socket paths (macOS: 104 bytes with the final zero). */
const longestSocketPath = 100;
const longestMessage = 4 * 1024 * 1024;

/** Connects, lets `work` speak, and hangs up. QEMU serves one client at a time: others wait in its queue. */
export async function withMonitor<T>(request: MonitorRequest, work: (monitor: Monitor) => Promise<T>): Promise<T> {
  if (request.signal.aborted) throw cancelled("Talking to QEMU");
  const folder = Buffer.byteLength(request.socket) < longestSocketPath ? undefined : await mkdtemp(join(tmpdir(), "bootable-"));
  try {
    const path = folder === undefined ? request.socket : await shortPath(folder, request.socket);
    const conversation = new Conversation(await reach(path, request), request);
    try {
      await conversation.greeted;
      await conversation.execute("qmp_capabilities");
      return await work(conversation);
    } finally {
      conversation.hangUp();
    }
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** QEMU's queue holds one visitor; the next is turned away, and comes again. */
async function reach(path: string, { timeoutSeconds, signal }: MonitorRequest): Promise<Socket> {
  const deadline = performance.now() + timeoutSeconds * 1000;
  for (;;) {
    const socket = connect(path);
    const code = await new Promise<string | undefined>((resolve) => {
      socket.once("connect", () => resolve(undefined));
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    if (code === undefined) return socket;
    if (code !== "EAGAIN" || performance.now() > deadline) throw closed(code);
    await pause(50, signal, "Talking to QEMU");
  }
}

async function shortPath(folder: string, socket: string): Promise<string> {
  await symlink(dirname(socket), join(folder, "m"));
  return join(folder, "m", basename(socket));
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (failure: Failure) => void;
}

interface Message {
  readonly QMP?: unknown;
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class?: string; readonly desc?: string };
}

class Conversation implements Monitor {
  readonly #socket: Socket;
  readonly #request: MonitorRequest;
  readonly #pending = new Map<number, Pending>();
  readonly #abort = (): void => this.#end(cancelled("Talking to QEMU"));
  readonly greeted: Promise<unknown>;
  #received = "";
  #ended: Failure | undefined;
  #lastId = 0;

  constructor(socket: Socket, request: MonitorRequest) {
    this.#socket = socket;
    this.#request = request;
    this.greeted = this.#await(0, "greet");
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#receive(text));
    socket.once("error", (error: NodeJS.ErrnoException) => this.#end(closed(error.code ?? error.message)));
    socket.once("close", () => this.#end(closed("the connection was closed")));
    request.signal.addEventListener("abort", this.#abort, { once: true });
    if (request.signal.aborted) this.#abort();
  }

  async execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    const id = ++this.#lastId;
    const answer = this.#await(id, command);
    if (this.#ended === undefined) this.#socket.write(`${JSON.stringify({ execute: command, ...(args && { arguments: args }), id })}\n`);
    return answer;
  }

  hangUp(): void {
    this.#end(closed("the conversation is over"));
  }

  #await(id: number, command: string): Promise<unknown> {
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#ended === undefined) this.#pending.set(id, { resolve, reject });
      else reject(this.#ended);
    });
    const { timeoutSeconds } = this.#request;
    const message = `QEMU did not answer "${command}" within ${timeoutSeconds} s.`;
    const timer = setTimeout(() => this.#end(new Failure({ kind: "tool", code: "qmp-timeout", message })), timeoutSeconds * 1000);
    return answer.finally(() => clearTimeout(timer));
  }

  #receive(text: string): void {
    this.#received += text;
    if (this.#received.length > longestMessage) return this.#end(closed("it sent a message without end"));
    const lines = this.#received.split("\n");
    this.#received = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") this.#read(line);
  }

  #read(line: string): void {
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch {
      return this.#end(closed("it sent something that is not JSON"));
    }
    // What has neither is an event, which nobody here waits for.
    const id = message.QMP === undefined ? message.id : 0;
    const pending = id === undefined ? undefined : this.#pending.get(id);
    if (id === undefined || pending === undefined) return;
    this.#pending.delete(id);
    if (message.error === undefined) return pending.resolve(message.return);
    const reason = message.error.desc ?? message.error.class ?? "no reason given";
    pending.reject(new Failure({ kind: "tool", code: "qmp-refused", message: `QEMU refused a command: ${reason}.` }));
  }

  #end(failure: Failure): void {
    if (this.#ended !== undefined) return;
    this.#ended = failure;
    this.#request.signal.removeEventListener("abort", this.#abort);
    this.#socket.destroy();
    for (const { reject } of this.#pending.values()) reject(failure);
    this.#pending.clear();
  }
}

function closed(why: string): Failure {
  return new Failure({ kind: "tool", code: "qmp-closed", message: `QEMU cannot be talked to: ${why}.` });
}
