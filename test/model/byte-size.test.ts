import { expect, test } from "vitest";
import { formatByteSize, parseByteSize } from "../../provider/model/byte-size.ts";
import { parsePlatform, platformOf, samePlatform, formatPlatform } from "../../provider/model/platform.ts";

test.each([
  ["10GiB", 10 * 1024 ** 3],
  ["1.5 MiB", 1.5 * 1024 ** 2],
  ["512B", 512],
])("reads the size %s", (text, bytes) => {
  expect(parseByteSize(text)).toBe(bytes);
});

test.each(["10GB", "10", "0GiB", "-1GiB", "GiB", "1e3MiB", "99999999TiB"])("refuses the size %s", (text) => {
  expect(parseByteSize(text)).toBeUndefined();
});

test("writes sizes as people say them", () => {
  expect([512, 1024, 1536 * 1024, 10 * 1024 ** 3, 412.4 * 1024 ** 2].map(formatByteSize)).toEqual([
    "512 B",
    "1 KiB",
    "1.5 MiB",
    "10 GiB",
    "412 MiB",
  ]);
});

test("platforms keep their variant, and one without it matches any", () => {
  const arm = parsePlatform("linux/arm64/v8");
  expect(arm && formatPlatform(arm)).toBe("linux/arm64/v8");
  expect(arm && samePlatform(arm, platformOf("arm64"))).toBe(true);
  expect(["linux", "linux/", "linux/amd64/", "Linux/amd64", "a/b/c/d"].map(parsePlatform)).toEqual(Array(5).fill(undefined));
});
