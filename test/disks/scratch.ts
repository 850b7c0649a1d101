/** Folders and programs for tests of disks. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { describeFailure, type Failure } from "../../provider/failure.ts";
import { disks } from "../../provider/disks/disks.ts";
import type { Disks, Images } from "../../provider/resources/ports.ts";
import { runProgram } from "../../provider/tools/process.ts";
import { programs } from "./programs.ts";

/** Gone when the test is. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "bootable-disks-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export function disksIn(cacheDirectory: string, images: Images, cacheSizeBytes = 1024 ** 4): Disks {
  return disks({ images, programs, cacheDirectory, cacheSizeBytes: () => cacheSizeBytes });
}

/** Standard output of a program that must succeed with one of the exit codes. */
export async function output(program: string, args: readonly string[], exitCodes: readonly number[] = [0]): Promise<string> {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
  const environment = { PATH: path };
  const signal = new AbortController().signal;
  const result = await runProgram({ program, args, purpose: "to judge a disk", signal, exitCodes, environment }).catch((error: Failure) => {
    throw new Error(describeFailure(error), { cause: error });
  });
  return result.stdout;
}
