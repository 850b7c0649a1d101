/** Bytes whose digest and size are known beforehand: they pass, and the last step fails when they were others. */
import { createHash } from "node:crypto";
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";

export interface Expected {
  readonly digest: Digest;
  readonly sizeBytes?: number;
}

/** For the message of a mismatch. */
export interface About {
  /** `A blob of os from 127.0.0.1:5000` */
  readonly what: string;
  /** What became of it: `Nothing of it was kept.` */
  readonly aftermath: string;
  readonly fix: string;
}

/** The fix when the bytes came from a registry. */
export const distrustRegistry = "push the image again, and distrust what stores or carries it: memory, disks, proxies.";

function wrong(expected: Expected, about: About, got: string): Failure {
  return new Failure({
    kind: "remote",
    code: "wrong-digest",
    message: `${about.what} was to be ${expected.digest}, but ${got}. ${about.aftermath}`,
    fix: about.fix,
  });
}

/** Never lets more than the expected size through. */
export async function* verified(source: AsyncIterable<Uint8Array>, expected: Expected, about: About): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.length;
    if (expected.sizeBytes !== undefined && sizeBytes > expected.sizeBytes) {
      throw wrong(expected, about, `more than its ${expected.sizeBytes} bytes came`);
    }
    hash.update(chunk);
    yield chunk;
  }
  const digest = `sha256:${hash.digest("hex")}`;
  if (expected.sizeBytes !== undefined && sizeBytes < expected.sizeBytes) {
    throw wrong(expected, about, `only ${sizeBytes} of its ${expected.sizeBytes} bytes came`);
  }
  if (digest !== expected.digest) throw wrong(expected, about, `the bytes have ${digest}`);
}
