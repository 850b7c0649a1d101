/** A project that things go wrong in: one workspace, one computer and two registries for all tests of a file. */
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { expect } from "vitest";
import { startRegistry, type RealRegistry } from "../fakes/docker-registry.ts";
import { startHostileRegistry, type HostileRegistry } from "../fakes/hostile-registry.ts";
import { makeRoom } from "../tools/build-fixture.ts";
import { diagnostics, openWorkspace, toolsDirectory, type EngineRun, type StartedRun, type Workspace } from "./engine.ts";

const checkout = new URL("../..", import.meta.url).pathname;

export interface Stage {
  readonly workspace: Workspace;
  readonly registry: RealRegistry;
  readonly hostile: HostileRegistry;
  /** A port of 127.0.0.1 at which nobody listens, as a registry. */
  readonly nobody: string;
  /** Folder with everything that the provider keeps. */
  readonly computer: string;
  /** The context `name`, made anew. */
  context(name: string, files: Readonly<Record<string, string>>): void;
  /** What a run that must fail shows under "Diagnostics", without what differs from run to run. */
  told(program: string, ...args: readonly string[]): Promise<string>;
  /** As this run shows it. */
  plain(run: EngineRun): string;
  good(program: string, ...args: readonly string[]): Promise<EngineRun>;
  start(program: string, ...args: readonly string[]): StartedRun;
  /** The same project in another environment. */
  in(environment: Readonly<Record<string, string>>): Promise<Workspace>;
  /** A PATH on which only these programs are. */
  pathOf(...programs: readonly string[]): string;
  /** Process ids of machines that run. */
  machines(): readonly number[];
  close(): Promise<void>;
}

/** The kernel gives no port twice in a row, so it stays free for a while. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function writeRegistriesConf(folder: string, hosts: readonly string[]): string {
  const path = join(folder, "registries.conf");
  writeFileSync(path, hosts.map((host) => `[[registry]]\nlocation = "${host}"\ninsecure = true\n`).join("\n"));
  return path;
}

export async function openStage(): Promise<Stage> {
  const [registry, hostile, port] = await Promise.all([startRegistry(), startHostileRegistry(), closedPort()]);
  const nobody = `127.0.0.1:${port}`;
  const room = makeRoom();
  const computer = mkdtempSync(join(tmpdir(), "computer-"));
  writeFileSync(join(computer, "auth.json"), "{}");
  const environment = {
    ...room.environment,
    XDG_DATA_HOME: join(computer, "data"),
    XDG_CACHE_HOME: join(computer, "cache"),
    XDG_STATE_HOME: join(computer, "state"),
    CONTAINERS_REGISTRIES_CONF: writeRegistriesConf(computer, [registry.host, hostile.host, nobody]),
    REGISTRY_AUTH_FILE: join(computer, "auth.json"),
  };
  const options = { project: "shop", plugins: { bootable: join(checkout, "provider") }, root: mkdtempSync(join(tmpdir(), "shop-")) };
  const workspace = await openWorkspace({ ...options, environment });
  const plain = plainText([
    [workspace.directory, "PROJECT"],
    [computer, "COMPUTER"],
    [registry.host, "registry.example.com"],
    [hostile.host, "hostile.example.com"],
    [nobody, "nobody.example.com"],
  ]);
  return {
    workspace,
    registry,
    hostile,
    nobody,
    computer,
    context: (name, files) => writeContext(join(workspace.directory, name), files),
    plain,
    told: async (program, ...args) => {
      workspace.program(program);
      const run = await workspace.run(...args);
      expect(run.exitCode, run.output).not.toBe(0);
      return plain(run);
    },
    good: async (program, ...args) => {
      workspace.program(program);
      const run = await workspace.run(...args);
      expect(run.exitCode, run.output).toBe(0);
      return run;
    },
    start: (program, ...args) => {
      workspace.program(program);
      return workspace.start(...args);
    },
    in: (other) => openWorkspace({ ...options, environment: { ...environment, ...other } }),
    pathOf: (...programs) => pathOf(mkdtempSync(join(computer, "bin-")), programs),
    machines: () => runningBelow(computer),
    close: async () => {
      // A test that broke half way must not leave machines behind.
      for (const id of runningBelow(computer)) process.kill(id, "SIGKILL");
      await Promise.all([registry.stop(), hostile.stop()]);
      for (const folder of [options.root, computer, room.directory]) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A machine works in its own folder; what else works below was started by one. */
function runningBelow(folder: string): readonly number[] {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.filter((id) => workingDirectory(id).startsWith(folder)).map(Number);
}

function workingDirectory(id: string): string {
  try {
    return readlinkSync(`/proc/${id}/cwd`);
  } catch {
    return "";
  }
}

function writeContext(folder: string, files: Readonly<Record<string, string>>): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

function pathOf(folder: string, programs: readonly string[]): string {
  for (const program of ["sh", "env", "dirname", "readlink", ...programs]) symlinkSync(join("/usr/bin", program), join(folder, program));
  symlinkSync(process.execPath, join(folder, "node"));
  return [toolsDirectory(), folder].join(delimiter);
}

/** Without what differs from run to run, and without the lines with which the engine only repeats that it failed. */
function plainText(names: readonly (readonly [string, string])[]): (run: EngineRun) => string {
  return ({ output }) => {
    const text = names.reduce((rest, [from, to]) => rest.replaceAll(from, to), diagnostics(output));
    return text
      .replace(/pulumi:pulumi:Stack \(shop-dev\):\n  error: (?:update|preview) failed(?:\n\n)?/, "")
      .replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:<digest>")
      .replaceAll(/\b[0-9a-f]{12}\b/g, "<digest>")
      .replaceAll(/\bin-[0-9a-f]{8}(?:[0-9a-f]{24}\b)?/g, "in-<hash>")
      .replaceAll(/process \d+/g, "process <id>")
      .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
      .trim();
  };
}

/** One resource of a YAML program; JSON is YAML. */
export function resource(type: string, name: string, properties: object): string {
  return `  ${name}: ${JSON.stringify({ type: `bootable:${type}`, properties })}\n`;
}

export function program(...resources: readonly string[]): string {
  return `resources:\n${resources.join("")}`;
}

/** Files of the least that makes a bootable disk; nothing of it runs. */
export function bootableFiles(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    Containerfile: "FROM scratch\nCOPY root /\n",
    "root/usr/lib/systemd/systemd": "systemd",
    "root/boot/vmlinuz-6.12.10-cloud-amd64": "kernel",
    "root/boot/initrd.img-6.12.10-cloud-amd64": "initramfs",
    "root/usr/lib/systemd/boot/efi/systemd-bootx64.efi": "loader",
    "root/etc/systemd/network/80-dhcp.network": "[Network]\nDHCP=yes\n",
    "root/etc/systemd/system/multi-user.target.wants/systemd-networkd.service": "[Unit]\n",
    ...more,
  };
}
