/** Where distributions put UEFI firmware for virtual machines. */
import { access } from "node:fs/promises";
import { Failure } from "../failure.ts";
import type { Firmware } from "../model/virtual-machine.ts";

interface Places {
  readonly packages: string;
  /** The first pair that is there is taken: variables of 4 MiB before those of 2 MiB, which newer systems fill up. */
  readonly pairs: readonly (readonly [code: string, variables: string])[];
}

const places: Readonly<Record<string, Places>> = {
  amd64: {
    packages: "ovmf (Debian) or edk2-ovmf (Fedora)",
    pairs: [
      ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
      ["/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"],
      ["/usr/share/qemu/ovmf-x86_64-4m-code.bin", "/usr/share/qemu/ovmf-x86_64-4m-vars.bin"],
      ["/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"],
      ["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"],
      ["/opt/homebrew/share/qemu/edk2-x86_64-code.fd", "/opt/homebrew/share/qemu/edk2-i386-vars.fd"],
      ["/usr/local/share/qemu/edk2-x86_64-code.fd", "/usr/local/share/qemu/edk2-i386-vars.fd"],
    ],
  },
  arm64: {
    packages: "qemu-efi-aarch64 (Debian) or edk2-aarch64 (Fedora)",
    pairs: [
      ["/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"],
      ["/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw", "/usr/share/edk2/aarch64/vars-template-pflash.raw"],
      ["/usr/share/edk2/aarch64/QEMU_CODE.fd", "/usr/share/edk2/aarch64/QEMU_VARS.fd"],
      ["/usr/share/qemu/aavmf-aarch64-code.bin", "/usr/share/qemu/aavmf-aarch64-vars.bin"],
      ["/opt/homebrew/share/qemu/edk2-aarch64-code.fd", "/opt/homebrew/share/qemu/edk2-arm-vars.fd"],
      ["/usr/local/share/qemu/edk2-aarch64-code.fd", "/usr/local/share/qemu/edk2-arm-vars.fd"],
    ],
  },
};

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

export async function findFirmware(architecture: string, exists: (path: string) => Promise<boolean> = isThere): Promise<Firmware> {
  const known = places[architecture];
  for (const [code, variables] of known?.pairs ?? []) {
    if ((await exists(code)) && (await exists(variables))) return { code, variables };
  }
  const first = known?.pairs[0]?.[0] ?? "it";
  const message = `UEFI firmware for linux/${architecture} is needed to run machines, and none was found (looked for ${first} and where other distributions keep it).`;
  const fix = `install ${known?.packages ?? "UEFI firmware for QEMU"}.`;
  throw new Failure({ kind: "environment", code: "not-found", message, fix });
}
