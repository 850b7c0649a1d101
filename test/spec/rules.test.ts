import { expect, test } from "vitest";
import { countOrShare, hostNameReason, pinnedImage } from "../../provider/spec/rules.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  [`local/os@${digest}`, undefined],
  ["registry.example.com/os:1", "can mean another image tomorrow; pin it as registry/repository@sha256:<digest>"],
  ["debian", "is no image reference; write registry/repository@sha256:<digest>, or use the ref of an Image"],
])("image %s", (text, reason) => {
  expect(pinnedImage.rule?.(text)).toBe(reason);
});

test.each(["web-1", "a", "0", "x".repeat(63)])("%s is a name for a machine", (name) => {
  expect(hostNameReason(name)).toBeUndefined();
});

test.each(["", "-a", "a-", "A", "a.b", "a/b", "..", "a\n", "x".repeat(64)])("%j is no name for a machine", (name) => {
  expect(hostNameReason(name)).toBe("is no name for a machine; use 1 to 63 lower-case letters, digits and inner dashes, such as web-1");
});

test.each([1, 50, "1%", "20%", "100%"])("%s may be unavailable", (value) => {
  expect(countOrShare.rule?.(value)).toBeUndefined();
});

test.each([0, -1, "0%", "101%", "20", "2.5%", "%", ""])("%j is no budget", (value) => {
  expect(countOrShare.rule?.(value)).toBe('would let no host move; write a number from 1, or a share from "1%" to "100%"');
});
