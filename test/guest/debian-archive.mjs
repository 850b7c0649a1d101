/** Bootstraps a Debian root file system from the archive that this computer installs from. */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";

/** Standard output of a program, whose complaints go to ours. */
export function run(program, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...options.env } });
    let output = "";
    child.stdout.on("data", (bytes) => (output += bytes));
    child.once("error", (error) => fail(new Error(`${program}: ${error.message}`)));
    child.once("close", (code) => (code === 0 ? done(output) : fail(new Error(`${program} ended with exit code ${code}.`))));
  });
}

/** The archive that this computer installs Debian from, as apt sees it. */
async function debianMirror() {
  const list = async () => {
    const text = await run("apt-get", ["indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(CREATED_BY)|$(SITE)"]);
    return text
      .split("\n")
      .map((line) => line.split("|"))
      .find(([origin, label, by]) => origin === "Debian" && label === "Debian" && by === "Packages");
  };
  let found = await list();
  if (found === undefined) {
    await run("apt-get", ["update", "-q"]);
    found = await list();
  }
  if (found === undefined)
    throw new Error("apt on this computer has no Debian archive among its sources, so there is nothing to bootstrap a guest from.");
  return found[3];
}

/** How apt reaches that archive: proxies and the like. */
async function transportOptions() {
  const text = await run("apt-config", ["dump", "Acquire::http", "Acquire::https"]);
  return text
    .split("\n")
    .filter((line) => /^Acquire::https?::[\w:.-]+ "[^"]+";$/.test(line))
    .map((line) => `--aptopt=${line}`);
}

/** What differs from run to run or must differ from guest to guest; removed at the end, inside the root. */
const passing = ["var/log/*", "var/cache/*", "var/lib/systemd/random-seed", "var/lib/dbus/machine-id", "etc/ssh/ssh_host_*", "tmp/*"];

/** What no guest reads. */
export const unread = ["doc", "man", "info", "locale", "lintian", "bug", "i18n"].map((name) => `usr/share/${name}/*`);

/** A command for a hook of mmdebstrap, which makes an empty machine-id and removes what no guest is to have. */
export const cleaning = `cd "$1" && rm -rf ${[...passing, ...unread].join(" ")} && : > etc/machine-id`;

/**
 * Writes the tar of a root file system, with the same times in it whenever it is made.
 * @param {{ suite: string, architecture: string, packages: string[], options: string[], output: string }} wanted
 */
export async function bootstrap({ suite, architecture, packages, options, output }) {
  await run(
    "mmdebstrap",
    [
      `--architectures=${architecture}`,
      `--include=${packages.join(",")}`,
      "--format=tar",
      '--aptopt=APT::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      ...(await transportOptions()),
      ...options,
      suite,
      output,
      await debianMirror(),
    ],
    { env: { SOURCE_DATE_EPOCH: "1767225600", TMPDIR: tmpdir() } },
  );
}
