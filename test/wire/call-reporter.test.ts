/** How much of what a call reports reaches the engine. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CallReporter, statusPace, statusStep } from "../../provider/wire/call-reporter.ts";
import type { StatusPace } from "../../provider/wire/call-reporter.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function recorded(pace: StatusPace): { readonly report: CallReporter; readonly sent: string[] } {
  const sent: string[] = [];
  const send = async ({ severity, text, ephemeral }: { severity: string; text: string; ephemeral: boolean }): Promise<void> => {
    sent.push(`${ephemeral ? "status" : severity}: ${text}`);
  };
  return { report: new CallReporter(send, "urn", pace), sent };
}

test("a terminal gets one status a second, the latest one, and none stays behind", async () => {
  const { report, sent } = recorded("each-second");
  for (let tenth = 0; tenth < 25; tenth++) {
    report.status(`copying ${tenth} of 25`);
    await vi.advanceTimersByTimeAsync(100);
  }
  report.info("copied");
  await report.close();
  expect(sent).toEqual(["status: copying 0 of 25", "status: copying 9 of 25", "status: copying 19 of 25", "info: copied", "status: "]);
});

test("a status after the end is dropped, and a silent call sends nothing", async () => {
  const { report, sent } = recorded("each-second");
  await report.close();
  report.status("late");
  await vi.advanceTimersByTimeAsync(5000);
  expect(sent).toEqual([]);
});

test("where each status is a line, phases and tenths are shown", async () => {
  const { report, sent } = recorded("steps");
  for (let part = 0; part <= 1536; part += 4)
    report.status(`uploading ${part.toLocaleString("en")} of 1,536 MiB, ${part % 7} MiB/s, 5 s left`);
  for (const seconds of [1, 2, 3]) report.status(`waiting for kiosk-1, ${seconds} s`);
  report.status("waiting for kiosk-2, 1 s");
  await report.close();
  expect(sent.map((line) => line.replace(/, \d MiB.*/u, ""))).toEqual([
    "status: uploading 0 of 1,536 MiB",
    "status: uploading 156 of 1,536 MiB",
    "status: uploading 308 of 1,536 MiB",
    "status: uploading 464 of 1,536 MiB",
    "status: uploading 616 of 1,536 MiB",
    "status: uploading 768 of 1,536 MiB",
    "status: uploading 924 of 1,536 MiB",
    "status: uploading 1,076 of 1,536 MiB",
    "status: uploading 1,232 of 1,536 MiB",
    "status: uploading 1,384 of 1,536 MiB",
    "status: uploading 1,536 of 1,536 MiB",
    "status: waiting for kiosk-1, 1 s",
    "status: waiting for kiosk-2, 1 s",
  ]);
});

test("progress can be turned off", async () => {
  const { report, sent } = recorded("none");
  report.status("copying");
  report.warn("careful");
  await report.close();
  expect(sent).toEqual(["warning: careful"]);
});

test.each([
  ["auto", {}, "each-second"],
  ["auto", { CI: "true" }, "steps"],
  ["auto", { CI: "false" }, "each-second"],
  ["lines", {}, "steps"],
  ["none", { CI: "true" }, "none"],
] as const)("progress %s with %o is %s", (progress, environment, pace) => {
  expect(statusPace(progress, environment)).toBe(pace);
});

test.each([
  ["copying 40%", "copying 44.5%", true],
  ["copying 40%", "copying 50%", false],
  ["step 3 of 12: RUN a", "step 3 of 12: RUN b", true],
  ["step 3 of 12: RUN a", "step 9/12: RUN b", false],
  ["building", "pushing", false],
])("%s and %s are the same step: %s", (first, second, same) => {
  expect(statusStep(first) === statusStep(second)).toBe(same);
});
