import { expect, test } from "vitest";
import { pinVmdkDescriptor, vmdkDescriptorSpan } from "../../provider/model/vmdk.ts";

test("what is random or temporary in a descriptor is replaced, and its length stays", () => {
  const text = '# Disk DescriptorFile\nversion=1\nCID=2f190bcb\nparentCID=ffffffff\n# Extent\nRW 1187840 SPARSE "a.partial-1"\n';
  const pinned = pinVmdkDescriptor(Buffer.concat([Buffer.from(text), Buffer.alloc(100)]), {
    contentId: "01234567",
    fileName: "web $& .vmdk",
  });
  expect(pinned.length).toBe(text.length + 100);
  expect(pinned.toString().replaceAll("\0", "")).toBe(
    '# Disk DescriptorFile\nversion=1\nCID=01234567\nparentCID=ffffffff\n# Extent\nRW 1187840 SPARSE "web $& .vmdk"\n',
  );
});

test("its place is read from the first sector", () => {
  const header = Buffer.alloc(512);
  expect(vmdkDescriptorSpan(header)).toBeUndefined();
  header.write("KDMV");
  header.writeBigUInt64LE(1n, 28);
  header.writeBigUInt64LE(20n, 36);
  expect(vmdkDescriptorSpan(header)).toEqual({ offsetBytes: 512, sizeBytes: 10_240 });
});
