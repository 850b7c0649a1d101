/** Files of a tree as the kernel makes them: content, owner, mode and times. */
import * as fs from "node:fs";
import type { FileBody, FileNode } from "./file-node.ts";

const bufferBytes = 1024 ** 2;
/** How often is said how far it is. */
const reportBytes = 4 * 1024 ** 2;

/** Copies a body from the spool into an open file; holes stay holes. */
export type BodyCopier = (file: number, body: FileBody) => void;

export function bodyCopier(spool: number, onDone: (bytes: number) => void): BodyCopier {
  const buffer = Buffer.allocUnsafe(bufferBytes);
  let doneBytes = 0;
  let reportAt = reportBytes;
  const report = (bytes: number): void => {
    doneBytes += bytes;
    if (doneBytes < reportAt) return;
    reportAt = doneBytes + reportBytes;
    onDone(doneBytes);
  };
  return (file, { sizeBytes, pieces }) => {
    fs.ftruncateSync(file, sizeBytes);
    for (const { offset, length, from } of pieces) {
      for (let done = 0; done < length;) {
        const read = fs.readSync(spool, buffer, 0, Math.min(bufferBytes, length - done), from + done);
        if (read === 0) throw new Error("The spool is shorter than what was put into it.");
        for (let at = 0; at < read;) at += fs.writeSync(file, buffer, at, read - at, offset + done + at);
        done += read;
        report(read);
      }
    }
  };
}

/** Anything but a directory; special files are there already. */
export function makePlain(path: Buffer, node: FileNode, copy: BodyCopier): void {
  if (node.kind === "file") {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
    const file = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    if (node.body !== undefined) copy(file, node.body);
    describeOpen(file, node);
    fs.closeSync(file);
    return;
  }
  if (node.kind === "symlink") fs.symlinkSync(Buffer.from(node.linkTarget, "latin1"), path);
  fs.lchownSync(path, node.uid, node.gid);
  if (node.kind !== "symlink") fs.chmodSync(path, node.mode);
  fs.lutimesSync(path, node.mtimeSeconds, node.mtimeSeconds);
}

/** The owner first: a change of owner takes set-user-id bits and capabilities away. */
export function describeOpen(file: number, { uid, gid, mode, mtimeSeconds }: FileNode): void {
  fs.fchownSync(file, uid, gid);
  fs.fchmodSync(file, mode);
  fs.futimesSync(file, mtimeSeconds, mtimeSeconds);
}
