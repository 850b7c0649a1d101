/** The `--mount` flags of a RUN: what they bind from the context, from other stages and from images. */
import type { Flag } from "./containerfile-words.ts";

export interface Mount {
  readonly flag: Flag;
  /** `bind` when left out. */
  readonly type: string;
  readonly from?: string;
  /** Left out: all of where it comes from. */
  readonly source?: string;
}

/** Values still hold their variables. */
export function readMounts(flags: readonly Flag[]): readonly Mount[] {
  return flags.filter((flag) => flag.name === "mount").map((flag) => readMount(flag));
}

function readMount(flag: Flag): Mount {
  const fields = new Map(
    (flag.value ?? "").split(",").map((field) => {
      const text = field.replaceAll('"', "");
      const equals = text.indexOf("=");
      return equals === -1 ? [text.toLowerCase(), ""] : [text.slice(0, equals).toLowerCase(), text.slice(equals + 1)];
    }),
  );
  const from = fields.get("from");
  const source = fields.get("source") ?? fields.get("src");
  return {
    flag,
    type: fields.get("type") ?? "bind",
    ...(from === undefined || from === "" ? {} : { from }),
    ...(source === undefined ? {} : { source }),
  };
}
