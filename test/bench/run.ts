/** Runs the benchmarks one after the other and keeps their table in README.md. Arguments choose some by name. */
import { spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatTable, intoReadme, isRow } from "./table.ts";

const folder = new URL(".", import.meta.url).pathname;

async function rowsOf(file: string): Promise<string[]> {
  const child = spawn(process.execPath, [join(folder, file)], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (bytes: Buffer) => {
    process.stdout.write(bytes);
    output += bytes.toString();
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${file} ended with code ${code}`);
  return output.split("\n").filter(isRow);
}

const wanted = process.argv.slice(2);
const files = (await readdir(folder)).filter((name) => name.endsWith(".bench.ts")).sort();
const chosen = files.filter((name) => wanted.length === 0 || wanted.some((word) => name.includes(word)));
const rows: string[] = [];
for (const file of chosen) rows.push(...(await rowsOf(file)));
const readme = new URL("../../README.md", import.meta.url).pathname;
// A choice of some would drop the others from the table.
if (chosen.length === files.length) await writeFile(readme, intoReadme(await readFile(readme, "utf8"), formatTable(rows)));
process.stdout.write(`${formatTable(rows)}\n`);
