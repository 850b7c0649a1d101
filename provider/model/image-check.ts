/** Judges what was seen in an image: what keeps a disk of it from booting where it is to run, and what will be missed there. */
import { Failure } from "../failure.ts";
import type { DiskOptions } from "./disk.ts";
import { errorRules } from "./image-check-errors.ts";
import type { ImageFacts } from "./image-check-facts.ts";
import type { CheckedImage, ImageRule } from "./image-check-rule.ts";
import { targetNeeds, type ImageTarget } from "./image-check-targets.ts";
import { warningRules } from "./image-check-warnings.ts";

/** The names of all findings. They stay what they are: programs ignore findings by them. */
export const imageCheckCodes = [
  "missing-disk-driver",
  "missing-filesystem-driver",
  "foreign-architecture",
  "foreign-root",
  "foreign-mount",
  "unsigned-boot-files",
  "unreadable-initramfs",
  "populated-machine-id",
  "baked-ssh-host-keys",
  "baked-random-seed",
  "no-root-growth",
  "no-serial-console",
  "no-dhcp",
  "no-agent",
  "no-login",
  "missing-network-driver",
  "missing-udf-driver",
  "limited-machine-types",
] as const;
export type ImageCheckCode = (typeof imageCheckCodes)[number];

export interface Finding {
  readonly code: ImageCheckCode;
  readonly severity: "error" | "warning";
  readonly message: string;
  /** One thing to do, without the leading "fix:". */
  readonly fix: string;
}

export interface ImageCheck {
  readonly targets: readonly ImageTarget[];
  readonly options: Pick<DiskOptions, "filesystem" | "platform" | "rootSshAuthorizedKeys"> & { readonly secureBoot?: boolean };
  readonly ignore: readonly ImageCheckCode[];
}

const rules: Readonly<Record<ImageCheckCode, ImageRule>> = { ...errorRules, ...warningRules };

/** At most one finding for each code, errors first. */
export function checkImage(facts: ImageFacts, { targets, options, ignore }: ImageCheck): readonly Finding[] {
  const image: CheckedImage = { facts, options, targets: targets.map((target) => targetNeeds[target]) };
  const found = imageCheckCodes.flatMap((code): Finding[] => {
    const said = ignore.includes(code) ? undefined : rules[code](image);
    if (said === undefined) return [];
    const severity = said.severity ?? (Object.hasOwn(errorRules, code) ? "error" : "warning");
    return [{ code, severity, message: said.message, fix: said.fix }];
  });
  return found.sort((a, b) => Number(b.severity === "error") - Number(a.severity === "error"));
}

/** One line for a warning. */
export function describeFinding({ code, message, fix }: Finding): string {
  return `${message} fix: ${fix} (${code})`;
}

/** All errors in one; undefined when there is none. */
export function preflightFailure(findings: readonly Finding[]): Failure | undefined {
  const errors = findings.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return undefined;
  const codes = errors.map(({ code }) => `"${code}"`).join(", ");
  const count = errors.length === 1 ? "one reason was found" : `${errors.length} reasons were found`;
  return new Failure({
    kind: "input",
    code: "preflight",
    message: `A disk of this image would not boot: ${count}. Nothing was written.`,
    detail: errors.map(({ code, message, fix }) => `${code}: ${message} To mend it, ${fix}`).join("\n"),
    fix: `change the image as said above, or set checks: {ignore: [${codes}]} to make the disk nevertheless.`,
  });
}
