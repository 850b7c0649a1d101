/** Plays another process that takes a lock, says so, and holds it until it is killed. */
import { tryLock } from "../../provider/storage/process-lock.ts";

const lock = await tryLock(process.argv[2] ?? "");
process.stdout.write(lock === undefined ? "busy\n" : "held\n");
if (lock !== undefined) setInterval(() => undefined, 1000);
