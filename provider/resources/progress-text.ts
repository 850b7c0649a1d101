/** Progress as people read it: `uploading 412 MiB of 1.5 GiB, 240 MiB/s, 5 s left`. */
import { formatByteSize } from "../model/byte-size.ts";
import type { OnProgress } from "./ports.ts";

interface Phase {
  readonly name: string;
  readonly startMs: number;
  readonly startBytes: number;
}

/** Turns progress into texts for `say`; the speed is that of the current phase. */
export function progressText(say: (text: string) => void, nowMs: () => number = () => performance.now()): OnProgress {
  let current: Phase | undefined;
  return ({ phase, doneBytes, totalBytes }) => {
    if (current?.name !== phase) current = { name: phase, startMs: nowMs(), startBytes: doneBytes };
    say([`${phase} ${amount(doneBytes, totalBytes)}`.trim(), ...speed(current, { nowMs: nowMs(), doneBytes, totalBytes })].join(", "));
  };
}

function amount(doneBytes: number, totalBytes: number | undefined): string {
  if (totalBytes === undefined) return doneBytes === 0 ? "" : formatByteSize(doneBytes);
  return `${formatByteSize(doneBytes)} of ${formatByteSize(totalBytes)}`;
}

interface Moment {
  readonly nowMs: number;
  readonly doneBytes: number;
  readonly totalBytes: number | undefined;
}

function speed(phase: Phase, { nowMs, doneBytes, totalBytes }: Moment): string[] {
  const seconds = (nowMs - phase.startMs) / 1000;
  const bytesPerSecond = (doneBytes - phase.startBytes) / seconds;
  // Within the first second the figure jumps and helps nobody.
  if (seconds < 1 || !(bytesPerSecond > 0)) return [];
  const rate = `${formatByteSize(Math.round(bytesPerSecond))}/s`;
  if (totalBytes === undefined || doneBytes >= totalBytes) return [rate];
  return [rate, `${Math.ceil((totalBytes - doneBytes) / bytesPerSecond)} s left`];
}
