/** Arguments of the programs that write files of disks. */
import { expect, test } from "vitest";
import { sparseCopyArgs } from "../../provider/tools/cp.ts";
import { vmdkArgs } from "../../provider/tools/qemu-img.ts";

test("conversions write in order, copies keep holes", () => {
  expect(vmdkArgs("a", "b").join(" ")).toMatchInlineSnapshot(`"convert -m 16 -f raw -O vmdk -o subformat=streamOptimized a b"`);
  expect(sparseCopyArgs("-a", "b").join(" ")).toMatchInlineSnapshot(`"--reflink=auto --sparse=always -- -a b"`);
});
