/** Makes the sample disk in whatever surroundings it is started: `node sample-maker.ts <cache folder> <umask>`. */
import { makeSample } from "./sample-disk.ts";

process.umask(Number(process.argv[3]));
const { digest } = await makeSample(process.argv[2] ?? "");
console.log(JSON.stringify({ node: process.version, umask: process.umask(), digest }));
