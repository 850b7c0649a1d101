/** Draws what a terminal showed: `node test/tools/terminal-picture.ts TITLE < text > picture.svg`. Lines keep their colours by their first sign. */
const lineHeight = 18;
const margin = 16;
const widest = 132;

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function escapeText(text: string): string {
  return text.replaceAll(/[&<>]/g, (sign) => escapes[sign] ?? sign);
}

/** As the terminal colours them: added, changed, removed, headlines. */
function colourOf(line: string): string {
  if (/^\s*\+ /.test(line)) return "#4ade80";
  if (/^\s*~ /.test(line)) return "#facc15";
  if (/^\s*- |error:|\*\*.*failed\*\*/.test(line)) return "#f87171";
  return /^\S.*:$/.test(line) ? "#93c5fd" : "#e2e8f0";
}

/** Breaks long lines at a blank and indents what follows. */
function wrap(line: string): string[] {
  if (line.length <= widest) return [line];
  const cut = line.lastIndexOf(" ", widest);
  const at = cut > 20 ? cut : widest;
  return [line.slice(0, at), ...wrap(`      ${line.slice(at).trimStart()}`)];
}

export function drawTerminal(title: string, text: string): string {
  const lines = text.trimEnd().split("\n").flatMap(wrap);
  const width = Math.max(...lines.map((line) => line.length), title.length) * 7.6 + 2 * margin;
  const height = (lines.length + 2) * lineHeight + 2 * margin;
  const rows = lines.map((line, index) => {
    const y = margin + (index + 2.5) * lineHeight;
    return `<text x="${margin}" y="${y}" fill="${colourOf(line)}" xml:space="preserve">${escapeText(line)}</text>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="12.5">`,
    `<rect width="100%" height="100%" rx="8" fill="#0f172a"/>`,
    `<text x="${margin}" y="${margin + lineHeight / 2}" fill="#94a3b8">$ ${escapeText(title)}</text>`,
    ...rows,
    "</svg>",
    "",
  ].join("\n");
}

const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
process.stdout.write(drawTerminal(process.argv[2] ?? "", Buffer.concat(chunks).toString()));
