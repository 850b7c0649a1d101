/** A disk that one computer publishes and another one fetches, where making it is out of the question: the image's layers are gone. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWorkspace, type EngineRun, type Workspace } from "./engine.ts";
import { bootableFiles, openStage, program, resource, type Stage } from "./trouble-stage.ts";

const checkout = new URL("../..", import.meta.url).pathname;
const up = ["up", "--yes", "--skip-preview"] as const;

let stage: Stage;
let reader: Workspace;
let readerFolder = "";
beforeAll(async () => {
  stage = await openStage();
  readerFolder = mkdtempSync(join(stage.computer, "reader-"));
  const { PULUMI_HOME: _home, PULUMI_BACKEND_URL: _backend, ...others } = stage.workspace.environment;
  const own = ["data", "cache", "state"].map((name) => [`XDG_${name.toUpperCase()}_HOME`, join(readerFolder, name)] as const);
  const environment = { ...others, ...Object.fromEntries(own) } as Record<string, string>;
  reader = await openWorkspace({ project: "reader", plugins: { bootable: join(checkout, "provider") }, environment });
});
afterAll(async () => {
  reader.remove();
  await stage.close();
});

async function good(run: Promise<EngineRun>): Promise<string> {
  const { exitCode, output } = await run;
  expect(exitCode, output).toBe(0);
  return stage.plain({ exitCode, output, stdout: "", stderr: "" });
}

function outputsOf(workspace: Workspace, type: string): Readonly<Record<string, unknown>> {
  return workspace.state().resources.find((one) => one.type === `bootable:${type}`)?.outputs ?? {};
}

interface Manifest {
  readonly layers: readonly { readonly digest: string }[];
}

/** As skopeo sees what a tag or digest means; undefined when it is not there. */
function inspect(reference: string): Manifest | undefined {
  try {
    const raw = execFileSync("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${reference}`], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    return JSON.parse(raw.toString()) as Manifest;
  } catch {
    return undefined;
  }
}

async function deleteLayers(reference: string): Promise<void> {
  const repository = reference.slice(reference.indexOf("/") + 1, reference.indexOf("@"));
  for (const { digest } of inspect(reference)?.layers ?? []) {
    const { status } = await fetch(`http://${stage.registry.host}/v2/${repository}/blobs/${digest}`, { method: "DELETE" });
    expect(status).toBe(202);
  }
}

test("what one computer made, another one plans, fetches and keeps; who pushed it removes it", async () => {
  stage.context("os", bootableFiles({ "root/var/data": "data".repeat(2_000_000) }));
  const repository = `${stage.registry.host}/team/os`;
  const image = resource("index:Image", "os", { context: "./os", repository, builder: "buildah" });
  const published = resource("index:Disk", "web", { image: "${os.ref}", publish: true, formats: ["raw"] });
  await stage.good(program(image, published), ...up);
  const made = outputsOf(stage.workspace, "index:Disk");
  const { ref } = made["artifact"] as { ref: string };
  expect(made["artifact"]).toEqual({ ref: expect.stringMatching(/@sha256:/), pushed: true });
  expect(await good(stage.workspace.run("preview", "--expect-no-changes"))).toBe("");

  const pinned = String(outputsOf(stage.workspace, "index:Image")["ref"]);
  await deleteLayers(pinned);
  mkdirSync(join(readerFolder, "out"));
  reader.program(
    program(resource("index:Disk", "web", { image: pinned, publish: true, formats: ["raw"], directory: join(readerFolder, "out") })),
  );
  const planned = await good(reader.run("preview"));
  expect(planned.replace(/[0-9.]+ [KM]iB/, "<size>")).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      fetches the disk from registry.example.com/team/os: <size>, unless it is in the cache"
  `);
  await good(reader.run(...up));
  const fetched = outputsOf(reader, "index:Disk");
  expect({ ...fetched, files: 0 }).toEqual({ ...made, files: 0, artifact: { ref, pushed: false } });
  const raws = [join(readerFolder, "out", "web.raw"), join(stage.workspace.directory, "web.raw")].map((path) => readFileSync(path));
  expect(raws[0]?.equals(raws[1] ?? Buffer.alloc(0))).toBe(true);
  expect(await good(reader.run("preview", "--expect-no-changes"))).toBe("");

  // Without the registry's disk it cannot be had here at all.
  rmSync(join(readerFolder, "cache", "bootable", "disks"), { recursive: true });
  reader.program(program(resource("index:Disk", "alone", { image: pinned })));
  const alone = await reader.run(...up);
  expect(stage.plain(alone).replace(/.*\(reader-dev\):\n.*\n\n?/, "")).toMatchInlineSnapshot(`
    "bootable:index:Disk (alone):
      error: Could not fetch image registry.example.com/team/os@sha256:<digest>…: the registry answered 404.
      It said: BLOB_UNKNOWN: blob unknown to registry"
  `);

  await good(reader.run("destroy", "--yes", "--skip-preview"));
  expect(inspect(ref)).toBeDefined();
  await good(stage.workspace.run("destroy", "--yes", "--skip-preview"));
  expect(inspect(ref)).toBeUndefined();
});

test("publish beside an image of the local store is refused in preview", async () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const refused = program(resource("index:Disk", "web", { image: `local/os@${digest}`, publish: true }));
  expect(await stage.told(refused, "preview")).toMatchInlineSnapshot(`
    "bootable:index:Disk (web):
      error: bootable:index:Disk resource 'web': property publish value {true} has a problem: true needs an image in a registry, and "local/os@sha256:<digest>" is in the local store of this computer; set repository on the Image, or leave publish out"
  `);
});
