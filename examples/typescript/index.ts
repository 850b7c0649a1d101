/** A kiosk's operating system: an image, disk files of it in ./out, and virtual machines where the configuration names some. */
import * as pulumi from "@pulumi/pulumi";
import * as bootable from "pulumi-bootable";

const config = new pulumi.Config();
const build = { context: "../quickstart/os", buildArgs: { BASE: config.require("base") } };

const os = new bootable.Image("os", build);

const disk = new bootable.Disk("kiosk", {
  image: os.ref,
  formats: ["raw", "vhd"],
  directory: "./out",
  // The base of the quickstart has drivers for QEMU alone, which is checked for Azure's vhd before anything is made.
  checks: { ignore: ["missing-disk-driver", "no-root-growth", "no-agent", "no-login"] },
});

// An Image and its Disk in one. The builder and the disk cache have both already, so only the file is new.
const hybrid = new bootable.HybridImage("signage", {
  image: build,
  disk: { formats: ["qcow2"], directory: "./out" },
});

// pulumi config set --path 'machines[0]' kiosk-1
const machines = config.getObject<string[]>("machines") ?? [];
const kiosks =
  machines.length === 0
    ? undefined
    : new bootable.qemu.MachineGroup("kiosks", {
        image: os.ref,
        machines,
        memory: "512MiB",
        ports: { "80": {} },
        healthCheck: { http: { port: 80, path: "/version" }, timeoutSeconds: 180 },
      });

export const image = os.ref;
export const sameImage = pulumi.all([os.digest, hybrid.digest]).apply(([mine, theirs]) => mine === theirs);
export const files = pulumi.all([disk.files, hybrid.disk]).apply(([plain, { files: hybrids }]) => ({ ...plain, ...hybrids }));
export const endpoints = kiosks?.endpoints ?? {};
