import * as fc from "fast-check";
import { expect, test } from "vitest";
import { compareVersions } from "../../provider/model/version-order.ts";

/** From the specification's own examples, then kernels. Each is older than the next. */
const chains = [
  ["~1", "", "1"],
  ["11~rc1", "11", "11-1", "11^1", "11.1", "112"],
  ["122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1", "123.a-1", "123.1-1", "123a-1", "124-1"],
  ["6.1.0-9-amd64", "6.1.0-10-amd64", "6.12.9+deb13-cloud-amd64", "6.12.10+deb13-cloud-amd64"],
  ["6.8.0-49-generic", "6.8.0-100-generic", "6.11.0-9-generic"],
  ["6.17.9-300.fc43.x86_64", "6.17.10-300.fc43.x86_64", "6.17.10-301.fc43.x86_64"],
  ["bar-122", "bar-123"],
];

test.each(chains)("%s and what follows are in order", (...chain: string[]) => {
  const shuffled = [...chain].reverse().sort(compareVersions);
  expect(shuffled).toEqual(chain);
});

test("leading zeros and marks that mean nothing do not count", () => {
  expect(compareVersions("00123", "123")).toBe(0);
  expect(compareVersions("1_2", "1+2")).toBe(0);
  expect(compareVersions("123_a1", "123a1")).toBe(0);
});

test("it is an order", () => {
  const version = fc.string({ unit: fc.constantFrom("0", "1", "9", "a", "Z", ".", "-", "^", "~", "_", "+"), maxLength: 8 });
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(Math.sign(compareVersions(a, b))).toBe(0 - Math.sign(compareVersions(b, a)));
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) expect(compareVersions(a, c)).toBeLessThanOrEqual(0);
    }),
  );
});
