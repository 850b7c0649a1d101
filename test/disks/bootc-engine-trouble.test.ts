/** What users are told when an image cannot install itself, and that nothing is left then. Needs root. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { checkFolder, checkRights } from "../../provider/disks/bootc-engine-preflight.ts";
import { describeFailure, Failure } from "../../provider/failure.ts";
import type { ContainerRights } from "../../provider/model/disk-container.ts";
import type { RunProgram } from "../../provider/model/program.ts";
import { bootcImage, labelledImage } from "../fakes/recorded-bootc.ts";
import { bootcDiskBytes, bootcDiskImage } from "./bootc-disk.ts";
import { containerScene, type ContainerScene } from "./container-scene.ts";
import { output } from "./scratch.ts";

const size = { sizeBytes: bootcDiskBytes };
const made = Buffer.alloc(1024);

const plain = (message: string): string =>
  message.replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:<digest>").replaceAll(/bootable-[0-9a-f]{24}/g, "bootable-<name>");

test("bootc's own failure is told with its exit code and its last lines", async () => {
  const scene = await containerScene();
  const image = await scene.publish(await bootcImage({ made, behaviour: "fails" }));
  expect(await scene.refusal(scene.request(image, size))).toMatchInlineSnapshot(`
    "bootc install to-disk exited with code 1. Nothing was left behind.
    Installing image: docker://registry.example.com/team/os:stable
    error: Installing to disk: Creating rootfs: Failed to mkfs.ext4
    fix: mend what the last lines name, then run pulumi up again."
  `);
  expect(await scene.refusal(scene.request(await scene.publish(await labelledImage()), size))).toMatchInlineSnapshot(`
    "The image has no program that can be started for bootc install to-disk (exit code 127). Nothing was left behind.
    Error: crun: executable file \`bootc\` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found
    fix: use an image that brings it; a label alone makes no bootc image."
  `);
});

test("a disk that could not start is refused, whatever bootc says", async () => {
  const scene = await containerScene();
  const image = await scene.publish(await bootcImage({ made: await bootcDiskImage({ loader: "EFI/shim.efi" }) }));
  expect(await scene.refusal(scene.request(image, size))).toMatchInlineSnapshot(`
    "bootc install to-disk reported success, but its disk cannot start: its EFI system partition has no EFI/BOOT/BOOT*.EFI. Nothing was left behind.
    fix: look at the image's boot loader and its install configuration (usr/lib/bootc/install), then run pulumi up again."
  `);
});

test("an image without the label, and one that nobody can follow, are refused before anything is pulled", async () => {
  const used: string[] = [];
  const scene = await containerScene((run) => (request) => {
    used.push(request.program);
    return run(request);
  });
  const unlabelled = await scene.publish(await bootcImage({ made, labels: { "containers.bootc": "0" } }));
  expect(plain(await scene.refusal(scene.request(unlabelled, { engine: "bootc" })))).toMatchInlineSnapshot(`
    "disk.engine is "bootc", and image local/os@sha256:<digest> has no label containers.bootc=1; only an image with it can install itself. Nothing was pulled.
    fix: build the image on a bootc base, or set disk.engine to direct."
  `);
  expect(plain(await scene.refusal(scene.request(unlabelled)))).toMatchInlineSnapshot(`
    "disk.targetImage is for the engine bootc, and local/os@sha256:<digest> has no label containers.bootc=1, so it goes without that engine. Nothing was pulled.
    fix: leave targetImage out, or build the image on a bootc base."
  `);
  const { targetImage: _, ...options } = scene.request(unlabelled).options;
  const labelled = await scene.publish(await bootcImage({ made }));
  expect(plain(await scene.refusal({ ...scene.request(labelled), options }))).toMatchInlineSnapshot(`
    "Image local/os@sha256:<digest> lies in this computer's store, and a machine that the engine bootc makes must know where its updates come from. Nothing was pulled.
    fix: set repository on the Image, or disk.targetImage to the reference that updates come from."
  `);
  expect(used).toEqual([]);
});

/** Waits until the stand-in has the disk on a loop device. */
async function attached(scene: ContainerScene): Promise<void> {
  await expect.poll(() => readFile(join(scene.podman.storage, "attached"), "utf8").catch(() => ""), { timeout: 60_000 }).toBe("attached\n");
  const loops = await output("losetup", ["--list", "--noheadings", "--raw", "--output=BACK-FILE"]);
  expect(loops.split("\n").filter((file) => file.startsWith(scene.folder))).toHaveLength(1);
}

test("cancelling in the middle leaves no container, no loop device and no image", async () => {
  const scene = await containerScene();
  const image = await scene.publish(await bootcImage({ made, behaviour: "hangs" }));
  const stop = new AbortController();
  const message = scene.refusal({ ...scene.request(image, size), signal: stop.signal });
  await attached(scene);
  expect(await scene.podman.ask("container", "inspect", "--latest", "--format={{.State.Status}}")).toEqual(["running"]);
  stop.abort();
  expect(await message).toBe("Making the disk was cancelled.");
});

test("what a killed run left behind is removed by the next one", async () => {
  const scene = await containerScene();
  const image = await scene.publish(await bootcImage({ made, behaviour: "hangs" }));
  const script = new URL("bootc-maker.ts", import.meta.url).pathname;
  const maker = promisify(execFile)(process.execPath, [script, JSON.stringify({ folder: scene.folder, image, size })]).catch(
    () => undefined,
  );
  await attached(scene);
  const child = (await output("pgrep", ["-f", `bootc-maker.ts .*${scene.folder}`])).trim();
  process.kill(Number(child), "SIGKILL");
  await maker;
  expect(await scene.podman.ask("container", "inspect", "--latest", "--format={{.State.Status}}")).toEqual(["running"]);
  const stop = new AbortController();
  const onProgress = ({ phase }: { readonly phase: string }): void => (phase === "giving the image to podman" ? stop.abort() : undefined);
  expect(await scene.refusal({ ...scene.request(image, size), signal: stop.signal, onProgress })).toBe("Making the disk was cancelled.");
});

test("what cannot be removed is named", async () => {
  const broken = (run: RunProgram): RunProgram => {
    let removals = 0;
    return (request) => {
      removals += request.args[0] === "rmi" ? 1 : 0;
      const fails = request.args[0] === "rmi" && removals === 2;
      return fails ? Promise.reject(new Failure({ kind: "tool", message: "podman is stuck." })) : run(request);
    };
  };
  const scene = await containerScene(broken);
  const image = await scene.publish(await bootcImage({ made, behaviour: "fails" }));
  const message = await scene.disks.make(scene.request(image, size)).then(JSON.stringify, (error: Failure) => describeFailure(error));
  expect(plain(message)).toMatchInlineSnapshot(`
    "bootc install to-disk exited with code 1. Still there, since it could not be removed: image localhost/bootable-<name>:latest.
    Installing image: docker://registry.example.com/team/os:stable
    error: Installing to disk: Creating rootfs: Failed to mkfs.ext4
    fix: mend what the last lines name, then run pulumi up again."
  `);
  expect(await scene.podman.ask("images", "--format={{.Repository}}")).toHaveLength(1);
});

test("podman that changes an image's bytes is refused", async () => {
  const other = `sha256:${"0".repeat(64)}`;
  const changing =
    (run: RunProgram): RunProgram =>
    async (request) => {
      const result = await run(request);
      return request.args[1] === "inspect" ? { ...result, stdout: `${other} 100\n` } : result;
    };
  const scene = await containerScene(changing);
  const image = await scene.publish(await bootcImage({ made }));
  expect(plain(await scene.refusal(scene.request(image, size)))).toMatchInlineSnapshot(`
    "podman has the image as sha256:<digest>, and sha256:<digest> was given to it. Nothing was left behind.
    fix: update podman: it must keep an image's bytes."
  `);
});

const podman = { rootless: false, remote: false, graphRoot: "/var/lib/containers/storage", architecture: "amd64" };
const whole: ContainerRights = { userId: 0, userNamespace: false, loopDevices: true, podman };

function told(rights: Partial<ContainerRights>, architecture = "amd64", engine: "bootc" | "image-builder" = "bootc"): string {
  try {
    return JSON.stringify(checkRights({ ...whole, ...rights }, { engine, architecture }));
  } catch (error) {
    return describeFailure(error as Failure);
  }
}

test("each right that is missing is named, with what to do", () => {
  const missing = new Failure({
    kind: "environment",
    code: "not-found",
    message: "podman is needed, and none was found.",
    fix: "install podman.",
  });
  expect(told({})).toBe(JSON.stringify(podman));
  expect(told({ loopDevices: false }, "amd64", "image-builder")).toBe(JSON.stringify(podman));
  expect(told({ userId: 1000, userNamespace: true, loopDevices: false, podman: missing })).toMatchInlineSnapshot(`
    "disk.engine "bootc" runs privileged containers, and this run may not. Nothing was pulled.
    - It runs in a user namespace, where root has no rights over devices: run it outside of rootless containers.
    - It runs as user 1000, and root is needed: run pulumi with "sudo -E".
    - There are no loop devices (no file /dev/loop-control): run "modprobe loop", or give the container that this is /dev.
    - podman is needed, and none was found.
      fix: install podman.
    fix: see to what is named above, or make the disk on a computer where it is so."
  `);
  expect(told({ podman: { ...podman, rootless: true, remote: true } }, "arm64")).toMatchInlineSnapshot(`
    "disk.engine "bootc" runs privileged containers, and this run may not. Nothing was pulled.
    - podman is rootless here: run pulumi as root.
    - podman works on another computer or in a machine: unset CONTAINER_HOST, or run pulumi there.
    - The image's own programs are for arm64, and podman runs on amd64: use a computer with such a processor.
    fix: see to what is named above, or make the disk on a computer where it is so."
  `);
});

test("a cache that no container can be given is refused", () => {
  const checked = (): void => checkFolder("/home/a:b/disks");
  expect(checked).toThrow(
    /^The cache \/home\/a:b\/disks has a colon in its path, and podman can give no such folder to a container\. Nothing was pulled\.$/,
  );
  expect(checkFolder("/home/a/disks")).toBe(undefined);
});

test("a run in a user namespace, without podman, is told so before anything is pulled", async () => {
  const scene = await containerScene();
  const image = await scene.publish(await bootcImage({ made }));
  const script = new URL("bootc-maker.ts", import.meta.url).pathname;
  const argument = JSON.stringify({ folder: scene.folder, image, size, path: "/nowhere" });
  const inside = ["--map-root-user", "--mount", process.execPath, script, argument];
  expect(plain(await output("unshare", inside))).toMatchInlineSnapshot(`
    "disk.engine "bootc" runs privileged containers, and this run may not. Nothing was pulled.
    - It runs in a user namespace, where root has no rights over devices: run it outside of rootless containers.
    - podman is needed to make a disk with an image's own programs, and none was found on PATH.
      fix: install podman, or set bootable:tools.podman to its path.
    fix: see to what is named above, or make the disk on a computer where it is so.
    "
  `);
});
