/** Half done work whose state is large: the connection has to live on. */
import type { Metadata } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { Failure } from "../../provider/failure.ts";
import { answerError, HalfDone } from "../../provider/wire/status.ts";

const failure = new Failure({ kind: "tool", message: "Half done \uD800.", fix: "run pulumi up again." });

function detailsBytes({ metadata }: { readonly metadata?: Metadata }): number {
  return (metadata?.get("grpc-status-details-bin")[0] as Buffer | undefined)?.length ?? 0;
}

function halfDone(mebibytes: number): HalfDone {
  const content = "x".repeat(mebibytes << 20);
  return new HalfDone(failure, { id: "a", state: { content }, inputs: { content }, refreshBeforeUpdate: false });
}

test("what fits is sent with state and inputs, then with state alone", () => {
  expect(detailsBytes(answerError(halfDone(4)))).toBeGreaterThan(8 << 20);
  const stateAlone = detailsBytes(answerError(halfDone(8)));
  expect(stateAlone).toBeGreaterThan(8 << 20);
  expect(stateAlone).toBeLessThan(9 << 20);
});

test("what does not fit is left out, and said", () => {
  const answer = answerError(halfDone(11));
  expect(detailsBytes(answer)).toBe(0);
  expect(answer.details).toBe(
    "Half done \uFFFD.\nWhat was made so far is too large to be saved with a failure; the next run looks for it.\nfix: run pulumi up again.",
  );
});
