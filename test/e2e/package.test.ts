/** The package as the CLI sees it, before any program uses it. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { messageOf, openShop } from "./shop.ts";

const checkout = new URL("../..", import.meta.url).pathname;
const launcher = join(checkout, "provider", "pulumi-resource-bootable");

/** JSON without what is empty: the CLI leaves that out. */
function parseFilled(text: string): unknown {
  const isEmpty = (value: unknown): boolean => typeof value === "object" && value !== null && Object.keys(value).length === 0;
  return JSON.parse(text, (_key, value: unknown) => (isEmpty(value) ? undefined : value));
}

test("get-schema answers schema.json, which the CLI accepts", async () => {
  const shop = await openShop();
  const { stdout } = await shop.good("package", "get-schema", launcher);
  const schema = join(checkout, "schema.json");
  expect(parseFilled(stdout)).toEqual(parseFilled(await readFile(schema, "utf8")));
  expect((await shop.good("schema", "check", schema)).output).toBe("");
});

test("a program may name the provider's folder under packages, too", async () => {
  const shop = await openShop();
  const packages = `packages:\n  bootable: ${join(checkout, "provider")}\n`;
  const program = 'resources:\n  os: { type: "bootable:index:Image", properties: { context: ./os } }\n';
  await writeFile(join(shop.directory, "Pulumi.yaml"), `name: shop\nruntime: yaml\n${packages}${program}`);
  expect(messageOf(await shop.good("preview"), "os")).toBe("will be built");
});
