/** The serial console of a machine: who records it, and its last lines for messages. */
import { readFile, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { StartDetached } from "../model/program.ts";
import { replaceFile } from "../storage/atomic-file.ts";
import { machineUuid } from "./qemu-process.ts";
import { inside } from "./qemu-record.ts";

/** Both files together. */
export const consoleLimitBytes = 2 * 1024 * 1024;
const shownLines = 20;
const shownBytes = 2048;

const recorder = fileURLToPath(new URL(`./qemu-console-recorder${extname(import.meta.url)}`, import.meta.url));

/** Before QEMU, which waits for it. */
export async function startRecorder(start: StartDetached, folder: string, name: string): Promise<void> {
  await rm(join(folder, inside.consoleSocket), { force: true });
  await rm(join(folder, inside.olderConsole), { force: true });
  const files = [inside.consoleSocket, inside.console, inside.olderConsole];
  const processId = await start({
    program: process.execPath,
    args: ["--max-old-space-size=16", recorder, ...files, String(consoleLimitBytes), machineUuid(folder)],
    purpose: `to record the console of machine "${name}"`,
    workingDirectory: folder,
    outputFile: join(folder, inside.messages),
  });
  await replaceFile(join(folder, inside.recorderProcessId), `${processId}\n`);
}

/** The last lines of the console as plain text; empty when there is none. */
export async function consoleTail(folder: string): Promise<string> {
  const read = (name: string): Promise<string> => readFile(join(folder, name), "utf8").catch(() => "");
  return lastLines(`${await read(inside.olderConsole)}${await read(inside.console)}`);
}

/** Terminal control sequences and other control characters gone, at most 20 lines and 2 kB. */
export function lastLines(text: string): string {
  const recent = text.slice(-64 * 1024);
  const plain = recent
    .replaceAll(/\u001B\[[0-?]*[ -/]*[@-~]/g, "")
    .replaceAll(/\u001B\][^\u0007\u001B]*(?:\u0007|\u001B\\)/g, "")
    .replaceAll(/\u001B[ -/]*[0-~]/g, "")
    .replaceAll(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/g, "");
  const lines = plain
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
  const shown = lines.slice(-shownLines);
  while (shown.length > 1 && Buffer.byteLength(shown.join("\n")) > shownBytes) shown.shift();
  return shown.join("\n").slice(-shownBytes);
}
