/** Lines, tails and redaction, whatever the pieces in which text arrives. */
import * as fc from "fast-check";
import { PassThrough } from "node:stream";
import { describe, expect, test } from "vitest";
import { collect, lastLines } from "../../provider/tools/output.ts";
import { redactor } from "../../provider/tools/redaction.ts";

async function linesOf(chunks: readonly Uint8Array[]): Promise<{ readonly lines: readonly string[]; readonly tail: string }> {
  const stream = new PassThrough();
  const lines: string[] = [];
  const tail = collect(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  const ended = new Promise((resolve) => stream.once("end", resolve));
  stream.end();
  await ended;
  return { lines, tail: tail() };
}

const line = fc.string({ unit: "binary" }).map((text) => text.replaceAll(/[\r\n]/g, "."));

test("lines are the same however the bytes are cut", async () => {
  const text = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\r")));
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(200)), async (parts, cuts) => {
      const bytes = Buffer.from(parts.flat().join(""));
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const cut = places.slice(1).map((place, index) => bytes.subarray(places[index], place));
      const whole = await linesOf([bytes]);
      expect(await linesOf(cut)).toEqual(whole);
      expect(whole.lines.join("")).toBe(bytes.toString().replaceAll(/[\r\n]/g, ""));
    }),
  );
});

test("the last lines are at most 20 and 2 KiB; blank ones do not count", () => {
  const last = lastLines();
  for (let number = 0; number < 30; number += 1) for (const text of [`line ${number}`, " "]) last.add(text);
  expect(last.text().split("\n")).toEqual(Array.from({ length: 20 }, (_, index) => `line ${index + 10}`));
  last.add("x".repeat(5000));
  expect(last.text()).toBe("x".repeat(2048));
});

describe("redaction", () => {
  test("no secret is left, wherever it stands", () => {
    const secret = fc.string({ minLength: 1 }).filter((text) => text.trim() !== "");
    fc.assert(
      fc.property(fc.array(secret, { minLength: 1 }), line, line, (secrets, before, after) => {
        const redact = redactor(secrets);
        for (const one of secrets) {
          const left = redact(`${before}${one}${after}`).split("[redacted]");
          expect(left.length).toBeGreaterThan(1);
          expect(left.filter((part) => part.includes(one))).toEqual([]);
        }
      }),
    );
  });

  test("each line of a key is taken out alone, but a brace or two is not", () => {
    const redact = redactor(["-----BEGIN KEY-----\nabcdef\n}\n"]);
    expect(redact("abcdef and } of -----BEGIN KEY-----")).toBe("[redacted] and } of [redacted]");
  });

  test("an empty secret changes nothing", () => {
    expect(redactor(["", "\n"])("a\nb")).toBe("a\nb");
  });
});
