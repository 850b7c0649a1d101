/** The `checks` property, and what follows from it: findings in an image that stop a run, and those that are told. */
import { isDeepStrictEqual } from "node:util";
import { checkImage, describeFinding, imageCheckCodes, preflightFailure, type Finding } from "../model/image-check.ts";
import type { ImageFacts } from "../model/image-check-facts.ts";
import type { ImageTarget } from "../model/image-check-targets.ts";
import { list, object, oneOf, type ValueOf } from "../spec/property.ts";
import type { Reporter } from "../spec/served.ts";
import { plainDiskOptions, type DiskOptionsArgs } from "./disk-options.ts";

export const imageChecks = object("ImageChecks", "How an image is judged before a disk is made of it.", {
  ignore: {
    type: list(oneOf(imageCheckCodes)),
    default: [],
    description: "Findings that do not count, by their codes: an error among them stops nothing, and a warning is not shown.",
  },
});

export interface JudgedDisk {
  readonly image: string;
  readonly disk: DiskOptionsArgs;
  readonly checks: ValueOf<typeof imageChecks>;
}

export interface Judging<Args> {
  readonly args: Args;
  /** Of the last run: what was told then is not told again. */
  readonly old: Args | undefined;
  readonly targets: (args: Args) => readonly ImageTarget[];
  readonly report: Reporter;
}

/** Tells each warning once, however often the disk is asked for, and throws when the disk would not boot. */
export function judgeImage<Args extends JudgedDisk>({ args, old, targets, report }: Judging<Args>): (facts: ImageFacts) => void {
  const findings = (facts: ImageFacts, judged: Args): readonly Finding[] =>
    checkImage(facts, { targets: targets(judged), options: plainDiskOptions(judged.disk), ignore: judged.checks.ignore });
  const same = old !== undefined && old.image === args.image && isDeepStrictEqual(old.disk, args.disk);
  const told = new Set<string>();
  return (facts) => {
    const before = same ? findings(facts, old) : [];
    for (const { code } of before) told.add(code);
    const now = findings(facts, args);
    for (const finding of now) {
      if (finding.severity !== "warning" || told.has(finding.code)) continue;
      told.add(finding.code);
      report.warn(describeFinding(finding));
    }
    const failure = preflightFailure(now);
    if (failure !== undefined) throw failure;
  };
}
