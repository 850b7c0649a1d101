/** What podman, bootc and bootc-image-builder are called with, and how their answers are read. */
import { expect, test } from "vitest";
import { Failure } from "../../provider/failure.ts";
import type { ProgramRun, RunProgram } from "../../provider/model/program.ts";
import { installArgs } from "../../provider/tools/bootc-install.ts";
import { debugfsListArgs, mdirArgs, parseDebugfsList, parseMdir } from "../../provider/tools/disk-listing.ts";
import { buildInstallerArgs } from "../../provider/tools/image-builder.ts";
import { containerRights, loadImage, parseInfo, parseLoops, runContainer, tidyContainers } from "../../provider/tools/privileged-podman.ts";

const signal = new AbortController().signal;
const graphRoot = "/var/lib/containers/storage";
const install = {
  name: "bootable-1",
  directory: "/cache/work",
  file: "disk.raw",
  filesystem: "xfs",
  targetImage: "registry.example.com/os:stable",
  kernelArguments: ["console=ttyS0", "-odd"],
  keysFile: "authorized_keys",
  graphRoot,
};

test("bootc runs as its documentation has it, by the image's own name", () => {
  expect(installArgs(install).join("\n")).toMatchInlineSnapshot(`
    "run
    --rm
    --pull=never
    --name=bootable-1
    --privileged
    --security-opt=label=type:unconfined_t
    --pid=host
    --volume=/dev:/dev
    --volume=/var/lib/containers:/var/lib/containers
    --volume=/cache/work:/cache/work
    localhost/bootable-1:latest
    bootc
    install
    to-disk
    --via-loopback
    --generic-image
    --skip-fetch-check
    --filesystem=xfs
    --target-imgref=registry.example.com/os:stable
    --karg=console=ttyS0
    --karg=-odd
    --root-ssh-authorized-keys=/cache/work/authorized_keys
    /cache/work/disk.raw"
  `);
});

test("without keys and arguments nothing stands for them; another storage is mounted where bootc looks", () => {
  const { keysFile: _, ...rest } = install;
  const args = installArgs({ ...rest, kernelArguments: [], graphRoot: "/mnt/images" });
  expect(args.filter((word) => /^--(?:karg|root-ssh|volume=.mnt)/.test(word))).toEqual([
    "--volume=/mnt/images:/var/lib/containers/storage",
  ]);
});

test("bootc-image-builder gets the folder, the storage and the configuration, and the image last", () => {
  const build = { name: "bootable-1", directory: "/cache/work/output", configFile: "config.json", filesystem: "ext4", graphRoot };
  const image = "registry.example.com/os@sha256:1";
  expect(buildInstallerArgs({ ...build, image }).join("\n")).toMatchInlineSnapshot(`
    "run
    --rm
    --pull=never
    --name=bootable-1
    --privileged
    --security-opt=label=type:unconfined_t
    --volume=/cache/work/output:/output
    --volume=/var/lib/containers:/var/lib/containers
    --volume=/cache/work/output/config.json:/config.json:ro
    localhost/bootable-1:latest
    --type=anaconda-iso
    --rootfs=ext4
    --output=/output
    --config=/config.json
    registry.example.com/os@sha256:1"
  `);
});

test("loop devices are found by the name of their file, whatever is left of its path", () => {
  const text = [
    "/dev/loop0 /var/cache/bootable-1.raw",
    "/dev/loop1 /bootable-1.raw (deleted)",
    String.raw`/dev/loop2 /home/a\x20b/bootable-1.raw`,
    "/dev/loop3 /var/cache/bootable-2.raw",
    "/dev/loop4 /var/cache/not-bootable-1.raw",
    "/dev/loop5 ",
    "",
  ].join("\n");
  expect(parseLoops(text, "bootable-1.raw")).toEqual(["/dev/loop0", "/dev/loop1", "/dev/loop2"]);
});

test("podman's account of itself is read, an older one's too", () => {
  const host = { arch: "arm64", serviceIsRemote: true, security: { rootless: true } };
  expect(parseInfo(JSON.stringify({ host, store: { graphRoot: "/mnt" } }))).toEqual({
    architecture: "arm64",
    remote: true,
    rootless: true,
    graphRoot: "/mnt",
  });
  expect(parseInfo("{}")).toEqual({ architecture: "", remote: false, rootless: false, graphRoot });
});

test("lists of mdir and debugfs are names", () => {
  expect(mdirArgs({ file: "disk.raw", offsetBytes: 1024 }, "/EFI/BOOT")).toEqual(["-b", "-i", "disk.raw@@1024", "::/EFI/BOOT"]);
  expect(parseMdir("::/EFI/BOOT/BOOTX64.EFI\n::/EFI/BOOT/sub/\nDisk full\n")).toEqual(["BOOTX64.EFI", "sub"]);
  expect(debugfsListArgs({ file: "disk.raw", offsetBytes: 1024 }, "/ostree")).toEqual(["-R", "ls -p /ostree", "disk.raw?offset=1024"]);
  const listed = "/2/040755/0/0/.//\n/2/040755/0/0/..//\n/12/040755/0/0/default//\n/13/100644/0/0/file/12/\n";
  expect(parseDebugfsList(listed)).toEqual(["default", "file"]);
});

interface Answering {
  readonly run: RunProgram;
  readonly asked: string[];
}

/** Answers by the beginning of the arguments; what has no answer succeeds in silence. */
function answering(answers: Readonly<Record<string, { exitCode?: number; stdout?: string; stderr?: string } | Failure>>): Answering {
  const asked: string[] = [];
  const run: RunProgram = (request: ProgramRun) => {
    const words = request.args.join(" ");
    asked.push(`${request.program} ${words}`);
    const answer = Object.entries(answers).find(([start]) => words.startsWith(start))?.[1] ?? {};
    if (answer instanceof Failure) return Promise.reject(answer);
    for (const line of (answer.stdout ?? "").split("\n")) request.onLine?.(line, "stdout");
    for (const line of (answer.stderr ?? "").split("\n")) request.onLine?.(line, "stderr");
    return Promise.resolve({ exitCode: answer.exitCode ?? 0, stdout: answer.stdout ?? "", stderr: answer.stderr ?? "" });
  };
  return { run, asked };
}

test("podman gets an image from a layout by its folder's name, which newer versions take from behind the colon", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const { run, asked } = answering({ "image inspect": { stdout: `${digest} 1234\n` } });
  expect(await loadImage(run, { directory: "/work", name: "one", alias: "registry.example.com/os:one", signal })).toEqual({
    digest,
    sizeBytes: 1234,
  });
  expect(asked).toEqual([
    "podman pull --quiet oci:one:localhost/one:latest",
    "podman image inspect --format={{.Digest}} {{.Size}} localhost/one:latest",
    "podman tag localhost/one:latest registry.example.com/os:one",
  ]);
  const mute = loadImage(answering({}).run, { directory: "/work", name: "one", signal });
  await expect(mute).rejects.toThrow(/^podman tells no digest of the image that it was given: ""\.$/);
});

test("podman's own exit codes are told apart from the program's", async () => {
  const told = async (exitCode: number): Promise<string> => {
    const { run } = answering({ run: { exitCode, stderr: "last words" } });
    const container = { args: ["run"], what: "bootc install to-disk", signal, onLine: () => undefined };
    return runContainer(run, container).then(String, ({ message, detail, fix }: Failure) => `${message}\n${detail}\nfix: ${fix}`);
  };
  expect(await told(0)).toBe("undefined");
  expect(await told(125)).toMatchInlineSnapshot(`
    "podman could not start the container for bootc install to-disk (exit code 125).
    last words
    fix: mend what the last lines name."
  `);
  expect(await told(126)).toMatchInlineSnapshot(`
    "The image has no program that can be started for bootc install to-disk (exit code 126).
    last words
    fix: use an image that brings it; a label alone makes no bootc image."
  `);
  expect(await told(2)).toMatchInlineSnapshot(`
    "bootc install to-disk exited with code 2.
    last words
    fix: mend what the last lines name, then run pulumi up again."
  `);
});

test("tidying up goes on past what fails, and names it", async () => {
  const stuck = new Failure({ kind: "tool", message: "stuck" });
  const leftovers = { containers: ["one"], images: ["localhost/one:latest"], fileName: "one.raw" };
  const good = answering({ "--list": { stdout: "/dev/loop3 /one.raw" } });
  expect(await tidyContainers(good.run, leftovers)).toEqual([]);
  expect(good.asked).toEqual([
    "podman rm --force --ignore --time=0 one",
    "losetup --list --noheadings --raw --output=NAME,BACK-FILE",
    "losetup --detach /dev/loop3",
    "podman rmi localhost/one:latest",
  ]);
  const bad = answering({ "--list": { stdout: "/dev/loop3 /one.raw" }, "--detach": stuck, rm: stuck });
  expect(await tidyContainers(bad.run, leftovers)).toEqual(["container one", "loop device /dev/loop3", "image localhost/one:latest"]);
});

test("a podman that does not answer is part of the rights; a cancelled question is not", async () => {
  const broken = new Failure({ kind: "tool", code: "exit", message: "podman exited with code 125." });
  expect((await containerRights(answering({ info: broken }).run, signal)).podman).toBe(broken);
  const cancelled = new Failure({ kind: "environment", code: "cancelled", message: "cancelled" });
  await expect(containerRights(answering({ info: cancelled }).run, signal)).rejects.toBe(cancelled);
});
