/** Takes secret texts out of what a person may read. */

const mask = "[redacted]";
/** A line of a secret of several lines is taken out alone too, but not one so short that half of all output would go. */
const shortestLineLength = 6;

function pieces(secret: string): readonly string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.trim().length >= shortestLineLength);
  return [secret, secret.trim(), ...lines];
}

/** A function that masks each of the texts, whole or line by line (output is read in lines). */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const wanted = [...new Set(secrets.flatMap(pieces))].filter((piece) => piece.trim() !== "").sort((a, b) => b.length - a.length);
  if (wanted.length === 0) return (text) => text;
  // One pass, so that a short secret is not looked for in the mask itself.
  const pattern = new RegExp(wanted.map((piece) => piece.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)).join("|"), "g");
  return (text) => text.replace(pattern, mask);
}
