/**
 * The process that fills a root file system, in a mount namespace of its own: joins the filler with the programs that it
 * runs. `node fill-root.ts <folder> <file system> <paths of programs>`; tools/private-mount.ts starts it.
 */
import { fillRoot } from "./disks/mkfs-root-filler.ts";
import { asFailure } from "./failure.ts";
import type { MountedFilesystem } from "./model/mounted-root.ts";
import type { RunProgram } from "./model/program.ts";
import { mknod } from "./tools/mknod.ts";
import { mounting } from "./tools/mount.ts";
import type { FillingMessage } from "./tools/private-mount.ts";
import { runProgram, toolPath } from "./tools/process.ts";
import { setfattr } from "./tools/setfattr.ts";

function say(message: FillingMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

// Modes are those of the image.
process.umask(0);
const [directory = "", filesystem = "", paths = "{}"] = process.argv.slice(2);
const found = JSON.parse(paths) as Readonly<Record<string, string>>;
const run: RunProgram = (request) => runProgram({ ...request, program: toolPath(request.program, found) });

fillRoot({
  directory,
  filesystem: filesystem as MountedFilesystem,
  programs: { ...mounting(run), ...mknod(run), ...setfattr(run) },
  signal: new AbortController().signal,
  onDone: (doneBytes) => say({ doneBytes }),
}).catch((error: unknown) => {
  const { kind, message, detail, fix, code } = asFailure(error);
  say({
    failure: {
      kind,
      message,
      ...(detail === undefined ? {} : { detail }),
      ...(fix === undefined ? {} : { fix }),
      ...(code === undefined ? {} : { code }),
    },
  });
});
