/**
 * The one time that images show, offered to every stage as SOURCE_DATE_EPOCH.
 *
 * The instruction has two uses. Tools in RUN steps that honour the variable (dpkg, tar, gzip, mkinitramfs) give the
 * same bytes again. And it keeps our cached steps apart from those of builds that a user started by hand: these have
 * other times in their layers, and builders would take them as equal.
 */
import { parseContainerfile } from "../model/containerfile.ts";

/** 1980-01-01: the oldest time that ZIP and FAT can hold. */
export const sourceDateEpoch = 315_532_800;
const instruction = "ARG SOURCE_DATE_EPOCH";

/** The Containerfile with the instruction behind each FROM. */
export function offerSourceDate(containerfileText: string, file: string): string {
  const { stages } = parseContainerfile(containerfileText, file);
  let result = "";
  let end = 0;
  for (const { from } of stages) {
    const last = from.logical.pieces.at(-1);
    const newline = containerfileText.indexOf("\n", (last?.source ?? 0) + (last?.length ?? 0));
    const next = newline === -1 ? containerfileText.length : newline + 1;
    const line = containerfileText.slice(end, next);
    result += `${line}${line.endsWith("\n") ? "" : "\n"}${instruction}\n`;
    end = next;
  }
  return result + containerfileText.slice(end);
}
