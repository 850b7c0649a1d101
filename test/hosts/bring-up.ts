/** A provider of its own: `node bring-up.ts <folder>` starts a machine on a blank disk, says so, and goes on holding its group. */
import { bringUp, openWorkshop } from "./workshop.ts";

const workshop = await openWorkshop({}, process.argv[2]);
process.stdout.write(`${await bringUp(workshop.driver("v1"), "kiosk-1", "v1")}\n`);
setInterval(() => undefined, 60_000);
