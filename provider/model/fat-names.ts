/** Names in FAT: short ones of 8 and 3 bytes, and the long ones of VFAT beside them. Source: as `fat-geometry.ts`, "Long directory entries". */
import { Failure } from "../failure.ts";

export interface FatName {
  /** 11 bytes: name and extension, filled up with blanks. */
  readonly short: string;
  /** Undefined where the short name says it all. */
  readonly long: string | undefined;
}

const shortName = /^([A-Z0-9!#$%&'()@^_`{}~-]{1,8})(?:\.([A-Z0-9!#$%&'()@^_`{}~-]{1,3}))?$/;
const longestName = 255;

/** By name, for the entries of one folder in their order: a short name may depend on those before it. */
export function nameEntries(names: readonly string[], folder: string): ReadonlyMap<string, FatName> {
  const taken = new Set<string>();
  for (const name of names) {
    checkName(name, folder);
    if (taken.has(fold(name))) throw refused(name, folder, "is there twice: FAT takes capital and small letters for the same");
    taken.add(fold(name));
  }
  const named = new Map<string, FatName>();
  for (const name of names) {
    const isShort = shortName.test(name);
    named.set(name, { short: padded(isShort ? name : makeShort(name, taken)), long: isShort ? undefined : name });
  }
  return named;
}

/** A free short name, which is then taken. */
function makeShort(name: string, taken: Set<string>): string {
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot + 1)] : [name, ""];
  const base = shortCharacters(stem).slice(0, 8) || "_";
  const extension = shortCharacters(ending).slice(0, 3);
  const join = (text: string): string => (extension === "" ? text : `${text}.${extension}`);
  // Only the case differs: the name itself is free for its own entry.
  if (join(base) === fold(name)) return join(base);
  for (let number = 1; ; number++) {
    const tail = `~${number}`;
    const candidate = join(`${base.slice(0, 8 - tail.length)}${tail}`);
    if (taken.has(candidate)) continue;
    taken.add(candidate);
    return candidate;
  }
}

function shortCharacters(text: string): string {
  return fold(text)
    .replaceAll(/[ .]/g, "")
    .replaceAll(/[^A-Z0-9!#$%&'()@^_`{}~-]/g, "_");
}

/** As drivers compare names: letter by letter, never one for two. */
function fold(name: string): string {
  return Array.from(name)
    .map((letter) => {
      const upper = letter.toUpperCase();
      return upper.length === letter.length ? upper : letter;
    })
    .join("");
}

function padded(name: string): string {
  const [, base = "", extension = ""] = shortName.exec(name) ?? [];
  return base.padEnd(8) + extension.padEnd(3);
}

function checkName(name: string, folder: string): void {
  if (name === "" || name === "." || name === "..") throw refused(name, folder, "is no name");
  if (/[\x00-\x1f\x7f"*/:<>?\\|]/.test(name)) throw refused(name, folder, 'has a control character or one of "*/:<>?\\|');
  if (/[. ]$/.test(name)) throw refused(name, folder, "ends in a dot or a blank");
  if (name.length > longestName) throw refused(name, folder, `is longer than ${longestName} characters`);
  if (!name.isWellFormed()) throw refused(name, folder, "is no well-formed Unicode");
}

function refused(name: string, folder: string, reason: string): Failure {
  return new Failure({
    kind: "input",
    code: "fat-name",
    message: `${JSON.stringify(name)} in ${folder === "" ? "the top folder" : JSON.stringify(folder)} of the EFI system partition ${reason}.`,
    fix: "rename the file in the image.",
  });
}
