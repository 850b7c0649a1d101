/** Debian packages that the project's own programs and tests need, and where they come from. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { output, run } from "./run.mjs";

const everywhere = [
  "attr",
  "binutils",
  "buildah",
  "busybox-static",
  "ca-certificates",
  "debian-archive-keyring",
  "docker-registry",
  "e2fsprogs",
  "fdisk",
  "gdisk",
  "dosfstools",
  "git",
  "libcap2-bin",
  "mmdebstrap",
  "mtools",
  "openssh-client",
  "openssl",
  "ovmf",
  "podman",
  "qemu-system-x86",
  "qemu-utils",
  "skopeo",
  "uidmap",
  "util-linux",
  "zstd",
];

/** For arm64 guests and roots of other file systems: kmod lists modules, xz unpacks them. The quickstart does without. */
const forTests = ["btrfs-progs", "kmod", "qemu-efi-aarch64", "qemu-system-arm", "xfsprogs", "xz-utils"];

/** QEMU 7.2 of Debian 12 panics under emulation; 10 comes from backports there. */
const fromBackports = ["ovmf", "qemu-system-arm", "qemu-system-x86", "qemu-utils"];

/**
 * Names of all packages that a command of the set-up needs.
 * @param {string} command such as quickstart or test
 */
export function neededPackages(command) {
  return command === "quickstart" ? everywhere : [...everywhere, ...forTests];
}

/**
 * Names of those that are not installed (or, for QEMU, too old).
 * @param {string} command such as quickstart or test
 */
export async function missingPackages(command) {
  const text = (await output(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n"])) ?? "";
  const installed = new Map(
    text
      .split("\n")
      .map((line) => line.split(" "))
      .filter((words) => words[1] === "installed")
      .map((words) => [words[0], words[2] ?? ""]),
  );
  return neededPackages(command).filter(
    (name) => !installed.has(name) || (name.startsWith("qemu-") && qemuMajor(installed.get(name)) < 10),
  );
}

function qemuMajor(version = "") {
  return Number(/^(?:\d+:)?(\d+)/.exec(version)?.[1] ?? 0);
}

async function codename() {
  const text = await readFile("/etc/os-release", "utf8");
  return /^VERSION_CODENAME=(.*)$/m.exec(text)?.[1] ?? "";
}

/** The mirror that this computer already uses: `{ uri, signedBy }` of the suite's main entry. */
async function configuredMirror(suite) {
  const folder = "/etc/apt/sources.list.d";
  const names = (await readdir(folder).catch(() => [])).map((name) => join(folder, name));
  for (const path of ["/etc/apt/sources.list", ...names].filter((name) => /\.(list|sources)$/.test(name))) {
    const found = mirrorIn(await readFile(path, "utf8").catch(() => ""), suite);
    if (found) return found;
  }
  throw new Error(`No apt source of this computer offers ${suite}.\nfix: add the Debian ${suite} main archive to /etc/apt/sources.list.`);
}

function mirrorIn(text, suite) {
  const line = text.split("\n").find((entry) => new RegExp(`^deb (\\[[^\\]]*\\] )?\\S+ ${suite} `).test(entry));
  if (line) return { uri: /(https?|file):\S+/.exec(line)?.[0], signedBy: /signed-by=([^\s\]]+)/.exec(line)?.[1] };
  for (const stanza of text.split(/\n\s*\n/)) {
    const field = (name) => new RegExp(`^${name}: *(.*)$`, "im").exec(stanza)?.[1]?.trim();
    const suites = field("Suites")?.split(/\s+/) ?? [];
    if (suites.includes(suite)) return { uri: field("URIs")?.split(/\s+/)[0], signedBy: field("Signed-By") };
  }
  return undefined;
}

async function addBackports(suite) {
  const { uri, signedBy } = await configuredMirror(suite);
  const lines = [
    "Types: deb",
    `URIs: ${uri}`,
    `Suites: ${suite}-backports`,
    "Components: main",
    ...(signedBy ? [`Signed-By: ${signedBy}`] : []),
  ];
  await writeFile("/etc/apt/sources.list.d/bootable-backports.sources", `${lines.join("\n")}\n`);
}

/** Installs what is missing; needs root. */
export async function installPackages(missing) {
  const suite = await codename();
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const backports = suite === "bookworm" ? missing.filter((name) => fromBackports.includes(name)) : [];
  if (backports.length > 0) await addBackports(suite);
  await run(["apt-get", "update"], { log: "apt-update", env });
  const install = ["apt-get", "install", "-y", "--no-install-recommends"];
  const plain = missing.filter((name) => !backports.includes(name));
  if (plain.length > 0) await run([...install, ...plain], { log: "apt-install", env });
  if (backports.length > 0) await run([...install, "-t", `${suite}-backports`, ...backports], { log: "apt-install-backports", env });
}

/** What a person without root has to do, in one command. */
export function explainMissing(missing, command) {
  return [
    `These Debian packages are missing (QEMU must be 10 or newer): ${missing.join(", ")}.`,
    "fix: run this once, it installs them (from backports where Debian 12 is too old):",
    `  sudo node test/tools/with-setup.mjs packages ${command}`,
  ].join("\n");
}
