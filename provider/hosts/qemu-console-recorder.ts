/**
 * A program of its own, one beside each machine: copies the serial console into a file of bounded size and ends with QEMU.
 * `node qemu-console-recorder <socket> <file> <older file> <limit> <mark>`, all relative to the machine's folder.
 *
 * QEMU can write a console to a file without any bound, or to a ring in its memory that is lost with it. A machine
 * outlives the provider, so whoever keeps the bound must outlive it too.
 */
import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { connect } from "node:net";

const [socketPath = "", file = "", olderFile = "", limit = "0"] = process.argv.slice(2);
const patienceMilliseconds = 60_000;

let output = openSync(file, "w", 0o600);
let size = 0;

/** Two files of half the limit each: the newer is always whole. */
function record(bytes: Buffer): void {
  if (size > 0 && size + bytes.length > Number(limit) / 2) {
    closeSync(output);
    renameSync(file, olderFile);
    output = openSync(file, "w", 0o600);
    size = 0;
  }
  writeSync(output, bytes);
  size += bytes.length;
}

function attach(deadline: number): void {
  const socket = connect(socketPath);
  let attached = false;
  socket.once("connect", () => (attached = true));
  socket.on("data", record);
  socket.on("error", () => socket.destroy());
  socket.once("close", () => {
    if (attached || Date.now() > deadline) process.exit(0);
    setTimeout(() => attach(deadline), 50);
  });
}

attach(Date.now() + patienceMilliseconds);
