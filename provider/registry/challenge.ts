/** What a registry asks for in WWW-Authenticate. Source: RFC 9110 11.6.1, distribution's token authentication. */

export interface Challenge {
  /** Lower case: `basic` or `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameterPattern = new RegExp(`^\\s*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))\\s*(?:,|$)`);
const schemePattern = new RegExp(`^[\\s,]*(${token})(?:\\s+|$|,)`);

function readParameters(text: string): { readonly parameters: Record<string, string>; readonly rest: string } {
  const parameters: Record<string, string> = {};
  let rest = text;
  for (;;) {
    const match = parameterPattern.exec(rest);
    if (match?.[1] === undefined) return { parameters, rest };
    parameters[match[1].toLowerCase()] ??= (match[2] ?? match[3] ?? "").replaceAll(/\\(.)/g, "$1");
    rest = rest.slice(match[0].length);
  }
}

/** All challenges of one header, in order; what cannot be read ends the list. */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header.slice(0, 8192);
  for (;;) {
    const match = schemePattern.exec(rest);
    if (match?.[1] === undefined) return challenges;
    const read = readParameters(rest.slice(match[0].length));
    challenges.push({ scheme: match[1].toLowerCase(), parameters: read.parameters });
    rest = read.rest;
  }
}
