/** What a URN says: `urn:pulumi:stack::project::parent$type::name`. */

export interface Urn {
  readonly stack: string;
  readonly project: string;
  /** Without the types of the parents. */
  readonly type: string;
  /** May hold anything, `::` too. */
  readonly name: string;
}

export function parseUrn(urn: string): Urn {
  const [prefix = "", project = "", types = "", ...name] = urn.split("::");
  return {
    stack: prefix.replace(/^urn:pulumi:/, ""),
    project,
    type: types.slice(types.lastIndexOf("$") + 1),
    name: name.join("::"),
  };
}
