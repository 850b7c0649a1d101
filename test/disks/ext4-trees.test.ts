/** Random trees on disks, against what GNU tar unpacks of the same archive. Needs root. */
import * as fc from "fast-check";
import { test } from "vitest";
import { Failure } from "../../provider/failure.ts";
import { diskOf, expectSameAs, unpackedByTar } from "./checked-root.ts";
import { randomTree } from "./random-tree.ts";
import { tarWithHoles } from "./sparse-entry.ts";

/** Some 15 trees; BOOTABLE_TEST_EFFORT=20 for a night. */
const effort = Number(process.env["BOOTABLE_TEST_EFFORT"] ?? 1);

/** The size that a disk of 1 MiB is told to take. */
async function smallestSize(archive: Buffer): Promise<number> {
  const failure: unknown = await diskOf(archive, 1024 ** 2).catch((error: unknown) => error);
  const told = failure instanceof Failure ? /^set disk\.size to (\d+)MiB or more/.exec(failure.fix ?? "") : null;
  if (told === null) throw new Error("A disk of 1 MiB was not refused with the size that is enough.", { cause: failure });
  return Number(told[1]) * 1024 ** 2;
}

test("random trees come out of the kernel as GNU tar unpacks them, on disks of any size that is enough", async () => {
  await fc.assert(
    fc.asyncProperty(randomTree, fc.constantFrom("default", "smallest", "larger"), async ({ plain, sparse }, size) => {
      const archive = tarWithHoles(plain, sparse);
      const smallest = size === "default" ? undefined : await smallestSize(archive);
      const disk = await diskOf(archive, smallest === undefined ? undefined : smallest + (size === "larger" ? 77 * 1024 ** 2 : 0));
      await expectSameAs(await unpackedByTar(archive), disk);
    }),
    { numRuns: Math.ceil(15 * effort), endOnFailure: true },
  );
});
