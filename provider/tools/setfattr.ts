/** setfattr: extended attributes, which Node cannot write. */
import type { FileAttributes } from "../model/mounted-root.ts";
import type { RunProgram } from "../model/program.ts";

const purpose = "to write extended attributes";

/** In the form that getfattr --dump has. Source: attr, setfattr(1). */
export function attributeDump(files: readonly FileAttributes[]): string {
  const paragraphs = files.map(({ name, attributes }) => {
    const lines = [...attributes].map(([key, value]) => `${escaped(key)}=0s${Buffer.from(value).toString("base64")}`);
    return `# file: ${name}\n${lines.join("\n")}\n`;
  });
  return paragraphs.join("\n");
}

/** As getfattr writes the bytes that mean something in a dump. */
function escaped(key: string): string {
  return key.replaceAll(/[^\x21-\x3c\x3e-\x5b\x5d-\x7e]/g, (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, "0")}`);
}

export function setfattr(run: RunProgram): {
  check(signal: AbortSignal): Promise<void>;
  setAttributes(directory: string, files: readonly FileAttributes[], signal: AbortSignal): Promise<void>;
} {
  return {
    check: async (signal) => void (await run({ program: "setfattr", args: ["--version"], purpose, signal })),
    setAttributes: async (directory, files, signal) => {
      const input = attributeDump(files);
      // Links have attributes of their own.
      const args = ["--no-dereference", "--restore=-"];
      await run({ program: "setfattr", args, purpose, workingDirectory: directory, input, signal });
    },
  };
}
