/** The engine's own options, once each, over real images: what a user of them sees, and what is built. */
import { copyFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diagnostics, section } from "./engine.ts";
import { image, messageOf, openComputer, openShop, resources, urn, withoutBuilders } from "./shop.ts";

/** Hashes as they stand in texts, made readable: each by the order in which it first appears. */
function withoutHashes(text: string): string {
  const seen = new Map<string, string>();
  return text.replaceAll(/[0-9a-f]{32,64}/gu, (hash) => {
    const name = seen.get(hash) ?? `hash-${seen.size + 1}`;
    seen.set(hash, name);
    return name;
  });
}

/** The text around the one line that says why; `--diff` prints that before or after its summary, as it comes. */
function withoutReason(output: string): string {
  const parts = output.split("hello changed: will be built\n");
  expect(parts).toHaveLength(2);
  return withoutHashes(parts.join(""));
}

test("a preview says the reason once: as text, as a diff and as JSON", async () => {
  const shop = await openShop();
  shop.program(resources(image("os")));
  await shop.up();
  shop.write("os/hello", "two\n");
  const { output } = await shop.good("preview", "--diff");
  expect(withoutReason(output)).toBe(`Previewing update (dev):
  pulumi:pulumi:Stack: (same)
    [urn=urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev]
    ~ bootable:index:Image: (update)
        [id=os]
        [urn=urn:pulumi:dev::shop::bootable:index:Image::os]
      ~ inputHash: "1:hash-1" => "1:hash-2"
      ~ sources  : {
          ~ hello: "hash-3" => "hash-4"
        }
Resources:
    ~ 1 to update
    1 unchanged
`);
  expect(messageOf(await shop.good("preview"), "os")).toBe("hello changed: will be built");
  const json = JSON.parse((await shop.good("preview", "--json")).stdout) as { steps: { urn: string; op: string; detailedDiff: object }[] };
  expect(json).toMatchObject({
    diagnostics: [{ urn: urn("os"), message: "hello changed: will be built\n", severity: "info" }],
    changeSummary: { same: 1, update: 1 },
  });
  const change = { kind: "update", inputDiff: true };
  expect(json.steps.at(-1)).toMatchObject({
    urn: urn("os"),
    op: "update",
    detailedDiff: { inputHash: change, "sources.hello": change },
  });
});

test("a saved plan holds for the files that it was made from, and stops others", async () => {
  const shop = await openShop();
  shop.program(resources(image("os")));
  await shop.up();
  shop.write("os/hello", "two\n");
  await shop.good("preview", "--save-plan", "plan.json");
  shop.write("os/hello", "three\n");
  const refused = await shop.run("up", "--yes", "--skip-preview", "--plan", "plan.json");
  expect(refused.exitCode).not.toBe(0);
  expect(withoutHashes(messageOf(refused, "os"))).toBe(
    `error: resource ${urn("os")} violates plan: properties changed: ` +
      "~~inputHash[{1:hash-1}!={1:hash-2}], ~~sources[{map[Containerfile:{hash-3} hello:{hash-4}]}!={map[Containerfile:{hash-3} hello:{hash-5}]}]",
  );
  shop.write("os/hello", "two\n");
  expect(section((await shop.up("--plan", "plan.json")).output, "Resources:")).toBe("~ 1 updated\n  1 unchanged");
});

test("another stack with the same inputs finds the image in its preview, and builds nothing", async () => {
  const computer = openComputer();
  const [mine, theirs] = [await openShop(computer), await openShop(computer)];
  for (const shop of [mine, theirs]) shop.program(`${resources(image("os"))}outputs: { ref: "\${os.ref}" }\n`);
  await mine.up();
  const ref = String(mine.saved("os").outputs?.["ref"]);
  const preview = await theirs.good("preview", ...withoutBuilders);
  const digest = ref.slice(ref.indexOf("sha256:") + "sha256:".length);
  const tag = String(mine.saved("os").outputs?.["inputTag"]);
  expect(messageOf(preview, "os")).toBe(`found as ${digest.slice(0, 12)} under ${tag.slice(0, 11)}…, nothing to build`);
  expect(section(preview.output, "Outputs:")).toBe(`ref: "${ref}"`);
  await theirs.up();
  expect(theirs.saved("os").outputs).toEqual(mine.saved("os").outputs);
  theirs.write("os/hello", "two\n");
  const unbuilt = await theirs.run("up", "--yes", "--skip-preview");
  expect(messageOf(unbuilt, "os"))
    .toBe(`error: A builder is needed to build images, and none was found on PATH: neither podman nor buildah nor docker.
fix: install podman, or set bootable:tools.podman to its path.`);
});

test("an image that is imported by its in- tag is adopted without a build, and its tags are set", async () => {
  const computer = openComputer();
  const [mine, theirs] = [await openShop(computer), await openShop(computer)];
  mine.program(resources(image("os")));
  await mine.up();
  const { ref, inputTag } = mine.saved("os").outputs ?? {};
  const id = `local/os:${String(inputTag)}`;
  const imported = await theirs.good("import", "bootable:index:Image", "os", id, "--yes", "--skip-preview", "--protect=false");
  expect(diagnostics(imported.output)).toBe("");
  expect(section(imported.output, "Resources:")).toBe("+ 1 created\n  = 1 imported\n  2 changes");
  theirs.program(resources(image("os")));
  expect(section((await theirs.up(...withoutBuilders)).output, "Resources:")).toBe("2 unchanged");
  expect(theirs.saved("os")).toMatchObject({ id, inputs: mine.saved("os").inputs, outputs: { ref } });
  theirs.program(resources(image("os", { tags: ["stable"] })));
  expect(section((await theirs.up()).output, "Resources:")).toBe("~ 1 updated\n  1 unchanged");
  expect(computer.tags()).toEqual([`os:${String(inputTag)}`, "os:stable"]);
  expect(theirs.saved("os").outputs).toEqual({ ...mine.saved("os").outputs, tags: ["stable"] });
});

test("an import of what is no image, or is not there, says so", async () => {
  const shop = await openShop();
  const attempt = async (id: string): Promise<string> =>
    messageOf(await shop.run("import", "bootable:index:Image", "os", id, "--yes", "--skip-preview"), "os");
  expect(await attempt("os")).toBe(`error: "os" is no image to import.
fix: give it as registry/repository:tag or registry/repository@sha256:digest.`);
  expect(await attempt("local/os:1")).toBe("error: resource 'local/os:1' does not exist");
});

test("two stacks that build the same image at the same time both get it", async () => {
  const computer = openComputer();
  const shops = [await openShop(computer), await openShop(computer)];
  for (const shop of shops) shop.program(resources(image("os"), image("other", { buildArgs: { MOOD: "wild" } })));
  await Promise.all(shops.map((shop) => shop.up()));
  const [mine, theirs] = shops.map((shop) => ["os", "other"].map((name) => shop.saved(name).outputs));
  expect(mine).toEqual(theirs);
  expect(computer.tags()).toEqual(mine?.map((outputs, index) => `${["os", "other"][index]}:${String(outputs?.["inputTag"])}`));
  for (const shop of shops)
    expect(section((await shop.good("refresh", "--yes", "--skip-preview")).output, "Resources:")).toBe("3 unchanged");
});

test("an image that is gone leaves the state at a refresh, and comes again", async () => {
  const computer = openComputer();
  const shop = await openShop(computer);
  shop.program(resources(image("os")));
  await shop.up();
  const { outputs } = shop.saved("os");
  computer.loseImages();
  expect(section((await shop.good("refresh", "--yes", "--skip-preview")).output, "Resources:")).toBe("- 1 deleted\n  1 unchanged");
  expect(section((await shop.up()).output, "Resources:")).toBe("+ 1 created\n  1 unchanged");
  expect(shop.saved("os").outputs).toEqual(outputs);
});

test("a target is built alone, and an ignored hash is no change", async () => {
  const computer = openComputer();
  const shop = await openShop(computer);
  const program = (options: object): string => resources(image("os"), image("other", {}, options));
  shop.program(program({}));
  await shop.up();
  shop.write("os/hello", "two\n");
  await shop.up("--target", urn("os"));
  expect(computer.tags().map((tag) => tag.slice(0, tag.indexOf(":")))).toEqual(["os", "os", "other"]);
  shop.program(program({ ignoreChanges: ["inputHash"] }));
  const { output } = await shop.good("preview", "--diff", "--expect-no-changes");
  expect(section(output, "Resources:")).toBe("3 unchanged");
  shop.program(program({ hideDiffs: ["sources"] }));
  const hidden = await shop.good("preview", "--diff");
  expect(withoutHashes(hidden.output)).toContain(
    '      ~ sources (hidden)\n      ~ inputHash: "1:hash-1" => "1:hash-2"\nhello changed: will be built',
  );
});

test("what is protected, or deleted with another, stays; what is to be deleted goes", async () => {
  const computer = openComputer();
  const shop = await openShop(computer);
  const deleted = { onDelete: "delete" };
  const program = (options: object): string =>
    resources(image("kept"), image("guarded", deleted, options), image("along", deleted, { deletedWith: "${kept}" }));
  shop.program(program({ protect: true }));
  await shop.up();
  const refused = await shop.run("destroy", "--yes", "--skip-preview");
  expect(refused.exitCode).not.toBe(0);
  expect(messageOf(refused, "guarded")).toBe(`error: resource "${urn("guarded")}" cannot be deleted
because it is protected. To unprotect the resource, either remove the \`protect\` flag from the resource in your Pulumi program and run \`pulumi up\`, or use the command:
\`pulumi state unprotect '${urn("guarded")}'\``);
  expect(computer.tags()).toHaveLength(3);
  shop.program(program({}));
  await shop.up();
  await shop.good("destroy", "--yes", "--skip-preview");
  expect(computer.tags().map((tag) => tag.slice(0, tag.indexOf(":")))).toEqual(["along", "kept"]);
});

test("a replacement never takes the image away that it has just found again", async () => {
  const computer = openComputer();
  const shop = await openShop(computer);
  const deleted = { onDelete: "delete" };
  shop.program(resources(image("os", deleted), image("other", deleted, { replaceWith: ["${os}"] })));
  await shop.up();
  const before = computer.tags();
  const { output } = await shop.up("--replace", urn("os"), ...withoutBuilders);
  expect(section(output, "Resources:")).toBe("+-2 replaced\n  1 unchanged");
  expect(computer.tags()).toEqual(before);
  expect(section((await shop.good("refresh", "--yes", "--skip-preview")).output, "Resources:")).toBe("3 unchanged");
  await shop.good("destroy", "--yes", "--skip-preview");
  expect(computer.tags()).toEqual([]);
});

test("secrets are encrypted in the state, never shown, and their values are no inputs of the image", async () => {
  const shop = await openShop();
  const secret = (text: string): object => ({ "fn::secret": text });
  const program = (token: string): string =>
    resources(image("os", { buildArgs: { MOOD: secret("hush-1"), OTHER: "open" }, secrets: { token: secret(token), plain: "hush-3" } }));
  const say = 'RUN ["/busybox", "sh", "-c", "echo mood $MOOD, other $OTHER"]';
  shop.write("os/Containerfile", `FROM scratch\nARG MOOD OTHER\nCOPY busybox /busybox\n${say}\n`);
  copyFileSync("/bin/busybox", join(shop.directory, "os", "busybox"));
  shop.program(program("hush-2"));
  const { output } = await shop.good("up", "--yes", "--diff", "-c", "bootable:progress=lines");
  expect(output).toContain("mood [redacted], other open");
  const encrypted = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: expect.any(String) };
  expect(`${shop.state().text}${output}`).not.toMatch(/hush/u);
  expect(shop.saved("os").inputs).toMatchObject({ buildArgs: { MOOD: encrypted, OTHER: "open" }, secrets: encrypted });
  shop.program(program("hush-4"));
  await shop.good("preview", "--expect-no-changes");
});

/** Processes with a word in their command lines. */
async function processesWith(word: string): Promise<readonly string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^[0-9]+$/u.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  return lines.filter((line) => line.includes(word));
}

test("a build that takes longer than customTimeouts allow is stopped, and nothing of it runs on", async () => {
  const shop = await openShop();
  shop.write("os/Containerfile", 'FROM scratch\nCOPY busybox /busybox\nRUN ["/busybox", "sleep", "86399"]\n');
  copyFileSync("/bin/busybox", join(shop.directory, "os", "busybox"));
  shop.program(resources(image("os", {}, { customTimeouts: { create: "10s" } })));
  const run = await shop.run("up", "--yes", "--skip-preview");
  expect(messageOf(run, "os"))
    .toBe(`error: Creating "os" took longer than the 10 s that the resource's customTimeouts.create allows, and was stopped.
The build of Containerfile for linux/amd64 with podman was cancelled.
fix: raise customTimeouts.create or leave it out, then run pulumi up again.`);
  expect(await processesWith("86399")).toEqual([]);
});
