import { expect, test } from "vitest";
import { parseUrn } from "../../provider/wire/urn.ts";

test.each([
  ["urn:pulumi:dev::shop::bootable:index:Image::web", { stack: "dev", project: "shop", type: "bootable:index:Image", name: "web" }],
  [
    "urn:pulumi:dev::shop::my:index:App$bootable:index:Disk::a::b",
    { stack: "dev", project: "shop", type: "bootable:index:Disk", name: "a::b" },
  ],
])("%s", (urn, parts) => {
  expect(parseUrn(urn)).toEqual(parts);
});
