/** What only the real engine shows: state, plans, imports, drift, protection, and how all of it reads. */
import { expect, test } from "vitest";
import { diagnostics, section } from "../e2e/engine.ts";
import type { Workspace } from "../e2e/engine.ts";
import { openProbeWorkspace, resources, thing } from "./pulumi.ts";

async function up(workspace: Workspace, ...args: readonly string[]): Promise<string> {
  const { exitCode, output } = await workspace.run("up", "--yes", "--skip-preview", ...args);
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  return section(output, "Resources:");
}

function inputsOf(workspace: Workspace, name: string): Readonly<Record<string, unknown>> | undefined {
  return workspace.state().resources.find(({ urn }) => urn.endsWith(`::${name}`))?.inputs;
}

test("secrets stay secret at every depth, and nothing changes by itself", async () => {
  const workspace = await openProbeWorkspace();
  const hush = { "fn::secret": "hush" };
  const labels = { deep: { "fn::secret": { x: ["hush"] } } };
  workspace.program(
    resources(thing("a", { content: "one", tags: [hush, "open"], labels, secretText: hush }), thing("b", { tags: ["${a.secretText}"] })),
  );
  expect(await up(workspace)).toBe("+ 3 created");
  const { text, resources: saved } = workspace.state();
  const encrypted = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: expect.any(String) };
  expect(text).not.toMatch(/hush/u);
  expect(saved.find(({ id }) => id === "a")?.outputs).toMatchObject({
    tags: [encrypted, "open"],
    labels: { deep: encrypted },
    secretText: encrypted,
  });
  expect(inputsOf(workspace, "b")).toEqual({ tags: [encrypted] });
  const again = await workspace.run("preview", "--diff", "--expect-no-changes");
  expect(section(again.output, "Resources:")).toBe("3 unchanged");
});

test("preview shows the change, the plan's message and unknown outputs, and starts nothing", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("a", { content: "one" }), thing("b", { content: "${a.actual}" })));
  await up(workspace);
  workspace.program(resources(thing("a", { content: "two", mode: "talk" }), thing("b", { content: "${a.actual} ${a.serial}" })));
  const { output } = await workspace.run("preview", "--diff");
  expect(output).toBe(`Previewing update (dev):
  pulumi:pulumi:Stack: (same)
    [urn=urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev]
    ~ probe:index:Thing: (update)
        [id=a]
        [urn=urn:pulumi:dev::shop::probe:index:Thing::a]
      ~ content: "one" => "two"
a will be copied
    ~ probe:index:Thing: (update)
        [id=b]
        [urn=urn:pulumi:dev::shop::probe:index:Thing::b]
      ~ content: "one" => [unknown]
Resources:
    ~ 2 to update
    1 unchanged
`);
  expect(workspace.things()).toEqual({ a: "one", b: "one" });
  const json = JSON.parse((await workspace.run("preview", "--json")).stdout) as {
    steps: { op: string; detailedDiff: object | null }[];
    diagnostics: object[];
  };
  expect(json.steps.map(({ op, detailedDiff }) => [op, detailedDiff])).toEqual([
    ["same", null],
    ["update", { content: { kind: "update", inputDiff: true } }],
    ["update", { content: { kind: "update", inputDiff: true } }],
  ]);
  expect(json.diagnostics).toMatchObject([
    { message: "a will be copied\n", severity: "info", urn: "urn:pulumi:dev::shop::probe:index:Thing::a" },
  ]);
});

test("a saved plan holds for the same program and stops another one", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("a", { content: "one" })));
  expect((await workspace.run("preview", "--save-plan", "plan.json")).exitCode).toBe(0);
  workspace.program(resources(thing("a", { content: "other" })));
  const refused = await workspace.run("up", "--yes", "--skip-preview", "--plan", "plan.json");
  expect(refused.exitCode).not.toBe(0);
  expect(diagnostics(refused.output)).toContain(
    "error: resource urn:pulumi:dev::shop::probe:index:Thing::a violates plan: properties changed: ++content[{one}!={other}]",
  );
  workspace.program(resources(thing("a", { content: "one" })));
  expect(await up(workspace, "--plan", "plan.json")).toBe("+ 1 created\n  1 unchanged");
});

test("targets, ignoreChanges and protect do what users expect", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("a", { content: "one" }), thing("b", { content: "one" })));
  await up(workspace);
  workspace.program(resources(thing("a", { content: "two" }), thing("b", { content: "two" })));
  await up(workspace, "--target", "urn:pulumi:dev::shop::probe:index:Thing::a");
  expect(workspace.things()).toEqual({ a: "two", b: "one" });
  workspace.program(
    resources(thing("a", { content: "two" }, { protect: true }), thing("b", { content: "three" }, { ignoreChanges: ["content"] })),
  );
  expect(await up(workspace)).toBe("3 unchanged");
  const refused = await workspace.run("destroy", "--yes", "--skip-preview");
  expect(refused.exitCode).not.toBe(0);
  expect(workspace.things()).toMatchObject({ a: "two" });
  expect((await workspace.run("state", "unprotect", "--all", "--yes")).exitCode).toBe(0);
  expect((await workspace.run("destroy", "--yes", "--skip-preview")).exitCode).toBe(0);
  expect(workspace.things()).toEqual({});
});

test("an import brings its inputs along, and what is gone leaves the state", async () => {
  const workspace = await openProbeWorkspace();
  workspace.setThing("old", "from before");
  const imported = await workspace.run("import", "probe:index:Thing", "mine", "old", "--yes", "--skip-preview", "--protect=false");
  expect(section(imported.output, "Resources:")).toContain("= 1 imported");
  expect(inputsOf(workspace, "mine")).toEqual({ content: "from before" });
  workspace.program(resources(thing("mine", { content: "from before" })));
  expect(await up(workspace)).toBe("2 unchanged");
  workspace.setThing("old", "changed by hand");
  const drifted = await workspace.run("refresh", "--yes", "--skip-preview");
  expect(section(drifted.output, "Resources:")).toBe("~ 1 updated\n  1 unchanged");
  expect(await up(workspace)).toBe("~ 1 updated\n  1 unchanged");
  expect(workspace.things()).toEqual({ old: "from before" });
  workspace.setThing("old", undefined);
  const gone = await workspace.run("refresh", "--yes", "--skip-preview");
  expect(section(gone.output, "Resources:")).toBe("- 1 deleted\n  1 unchanged");
});

test("a watched resource shows drift in preview without a refresh", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("a", { content: "one", watch: true })));
  await up(workspace);
  workspace.setThing("a", "changed by hand");
  const preview = await workspace.run("preview");
  expect(section(preview.output, "Resources:")).toBe("~ 1 to update\n  1 unchanged");
  expect(await up(workspace)).toBe("~ 1 updated\n  1 unchanged");
  expect(workspace.things()).toEqual({ a: "one" });
});

test("half done work is saved with its reason, and the next run goes on", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("a", { content: "one", mode: "half", tags: [{ "fn::secret": "hush" }] })));
  const { exitCode, output } = await workspace.run("up", "--yes", "--skip-preview");
  expect(exitCode).not.toBe(0);
  expect(diagnostics(output)).toContain(`probe:index:Thing (a):
  error: 1 error occurred:
  \t* Thing "a" is half done: 1 of 2 parts.
  \t  part 2:
  \t    no space
  \t  fix: run pulumi up again to go on.`);
  const saved = workspace.state();
  expect(saved.text).not.toMatch(/hush/u);
  expect(saved.resources.find(({ id }) => id === "a")).toMatchObject({
    inputs: { content: "one" },
    outputs: { actual: "half", serial: 1 },
  });
  workspace.program(resources(thing("a", { content: "one", mode: "ok", tags: [{ "fn::secret": "hush" }] })));
  expect(await up(workspace)).toBe("~ 1 updated\n  1 unchanged");
  expect(workspace.state().resources.find(({ id }) => id === "a")?.outputs).toMatchObject({ actual: "one", serial: 2 });
});

test("failures are printed whole and once", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("a", { mode: "fail-tool" })));
  const { exitCode, output } = await workspace.run("up", "--yes", "--skip-preview");
  expect(exitCode).not.toBe(0);
  const message = `Thing "a" could not be made.
  last output:
    cp: cannot stat 'ü'
    100% done
  fix: free 2 GiB and run pulumi up again.`;
  expect(diagnostics(output)).toContain(`probe:index:Thing (a):\n  error: ${message}`);
  expect(diagnostics(output).split("could not be made")).toHaveLength(2);
  expect(workspace.state().resources.some(({ id }) => id === "a")).toBe(false);
});

test("wrong inputs and configuration name the property and what is accepted", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("a", { content: "bad" })));
  const inputs = await workspace.run("preview");
  expect(diagnostics(inputs.output)).toBe(
    `probe:index:Thing (a):\n  error: probe:index:Thing resource 'a' has a problem: labels["a b"]: "bad" is no content; use any other word`,
  );
  const configuration = await workspace.run("preview", "-c", "probe:color=mauve");
  expect(diagnostics(configuration.output)).toBe(
    `pulumi:providers:probe (default):\n  error: pulumi:providers:probe resource 'default': property color value {mauve} has a problem: "mauve" is no color; use red`,
  );
});

test("custom timeouts stop the work", async () => {
  const workspace = await openProbeWorkspace();
  workspace.program(resources(thing("a", { mode: "slow" }, { customTimeouts: { create: "1s" } })));
  const { output } = await workspace.run("up", "--yes", "--skip-preview");
  expect(diagnostics(output)).toContain(`probe:index:Thing (a):
  error: Creating "a" took longer than the 1 s that the resource's customTimeouts.create allows, and was stopped.
  Making thing "a" was cancelled.
  fix: raise customTimeouts.create or leave it out, then run pulumi up again.`);
});

test("a component's parts are made, and a part that is refused says why", async () => {
  const workspace = await openProbeWorkspace();
  const pair = (content: string): string => `  pair: { type: "probe:index:Pair", properties: { content: ${content} } }\n`;
  workspace.program(`${resources(pair("one"))}outputs: { both: "\${pair.both}" }\n`);
  const made = await workspace.run("up", "--yes", "--skip-preview");
  expect(section(made.output, "Outputs:")).toBe('both: "one+one"');
  expect(section(made.output, "Resources:")).toBe("+ 4 created");
  workspace.program(resources(pair("bad")));
  const { output } = await workspace.run("preview");
  const reason = `has a problem: labels["a b"]: "bad" is no content; use any other word`;
  expect(diagnostics(output)).toContain(`probe:index:Thing (pair-left):\n  error: probe:index:Thing resource 'pair-left' ${reason}`);
});
