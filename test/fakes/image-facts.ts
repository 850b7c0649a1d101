/** What preflight sees in an image that every target is content with. */
import { imageFactsVersion, knownDrivers, type ImageFacts } from "../../provider/model/image-check-facts.ts";

export const fitFacts: ImageFacts = {
  version: imageFactsVersion,
  kernelVersion: "6.12.10",
  kernelArguments: [],
  architectures: { systemd: "amd64", kernel: "amd64" },
  drivers: { builtIn: ["ext4", "virtio_pci"], initramfs: knownDrivers, installed: knownDrivers },
  machineIds: [],
  sshHostKeys: [],
  randomSeeds: [],
  uuidMounts: [],
  rootGrowth: ["cloud-init"],
  network: ["systemd-networkd"],
  serialConsole: true,
  agents: ["cloud-init"],
  logins: [],
  signed: { kernel: true, loader: true },
};
