/** What a child writes, as lines while it runs and as a bounded tail afterwards. */
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/** A "line" longer than this is handed on in pieces, so that memory stays bounded whatever is written. */
const longestLine = 64 * 1024;
const tailLength = 64 * 1024;

/** Feeds text in any pieces; lines end at LF, CR LF or CR (progress bars). Answers what is left over. */
function splitLines(text: string, onLine: (line: string) => void): string {
  const lines = text.split(/\r?\n|\r(?=[^\n])/);
  let rest = lines.pop() ?? "";
  for (const line of lines) onLine(line);
  while (rest.length > longestLine) {
    onLine(rest.slice(0, longestLine));
    rest = rest.slice(longestLine);
  }
  return rest;
}

/** Reads a stream to its end; answers a function that gives the last 64 KiB so far. */
export function collect(stream: Readable, onLine: (line: string) => void): () => string {
  const decoder = new StringDecoder("utf8");
  let tail = "";
  let rest = "";
  const take = (text: string): void => {
    tail = (tail + text).slice(-tailLength);
    rest = splitLines(rest + text, onLine);
  };
  stream.on("data", (chunk: Buffer) => take(decoder.write(chunk)));
  stream.once("end", () => {
    take(decoder.end());
    if (rest !== "") onLine(rest.replace(/\r$/, ""));
  });
  // A reader that is destroyed while the child still writes is no failure of the run.
  stream.on("error", () => undefined);
  return () => tail;
}

const lastLineCount = 20;
const detailLength = 2 * 1024;

/** The last lines of all output, for messages: at most 20 and 2 KiB. */
export function lastLines(): { readonly add: (line: string) => void; readonly text: () => string } {
  const lines: string[] = [];
  const add = (line: string): void => {
    if (line.trim() === "") return;
    lines.push(line.slice(-detailLength));
    if (lines.length > lastLineCount) lines.shift();
  };
  return { add, text: () => lines.join("\n").slice(-detailLength) };
}
