/**
 * Unpacks large packages of a Debian 12 into one tree, as the root of a desktop would have them: tens of thousands of files
 * in about 1 GB. `node packages-root.mjs OUTPUT.tar`. Nothing is configured, so the tree only looks like a system.
 */
import { resolve } from "node:path";
import { bootstrap } from "./debian-archive.mjs";

const packages = [
  "breeze-icon-theme", // tens of thousands of names and links
  "cpp-12",
  "fonts-noto-core",
  "gcc-12",
  "gimp-data",
  "libllvm14",
  "libreoffice-common",
  "locales",
  "openjdk-17-jre-headless",
  "passwd", // set-user-id programs
  "python3-numpy",
  "vim-runtime",
];

const options = ["--variant=extract"];

bootstrap({ suite: "bookworm", architecture: "amd64", packages, options, output: resolve(process.argv[2] ?? "packages.tar") }).catch(
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
