/** Resource hooks around an Image, in a program of the Automation API: it needs no language host, and YAML has no hooks. */
import * as pulumi from "@pulumi/pulumi";
import { LocalWorkspace, type Stack } from "@pulumi/pulumi/automation/index.js";
import { expect, test } from "vitest";
import { openShop, type Shop } from "./shop.ts";

/** What a generated SDK makes of the token. */
class Image extends pulumi.CustomResource {
  constructor(name: string, args: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    super("bootable:index:Image", name, args, options);
  }
}

/** A stack of one Image whose hooks note what they see; a closed shop's hook before an update refuses. */
async function openHookedShop(notes: string[]): Promise<{ readonly shop: Shop; readonly stack: Stack; readonly close: () => void }> {
  const shop = await openShop();
  let closed = false;
  const hook = (name: string): pulumi.ResourceHook =>
    new pulumi.ResourceHook(name, ({ oldOutputs, newOutputs }) => {
      if (closed) throw new Error("the shop is closed");
      notes.push(`${name}: ${String(oldOutputs?.["ref"])}, ${String(newOutputs?.["ref"])}`);
    });
  const program = (): Promise<object> => {
    const hooks = { beforeCreate: [hook("before create")], afterCreate: [hook("after create")], beforeUpdate: [hook("before update")] };
    const image = new Image("os", { context: "./os" }, { hooks });
    return Promise.resolve({ urn: image.urn });
  };
  // The Automation API itself sets what the workspace leaves empty.
  const given = Object.entries(shop.environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "");
  const envVars = Object.fromEntries(given);
  const stack = await LocalWorkspace.selectStack({ stackName: "dev", projectName: "shop", program }, { workDir: shop.directory, envVars });
  return { shop, stack, close: () => void (closed = true) };
}

test("hooks run around what they are bound to, and one that refuses stops the build", async () => {
  const notes: string[] = [];
  const { shop, stack, close } = await openHookedShop(notes);
  await stack.preview();
  expect(notes).toEqual([]);
  await stack.up();
  const ref = String(shop.saved("os").outputs?.["ref"]);
  expect(notes).toEqual(["before create: undefined, undefined", `after create: undefined, ${ref}`]);
  close();
  shop.write("os/hello", "two\n");
  await expect(stack.up()).rejects.toThrow(/the shop is closed/u);
  expect(shop.saved("os").outputs?.["ref"]).toBe(ref);
});
