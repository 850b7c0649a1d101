/** A process that shares the disk of the troubles' tests: `disk-sharer.ts <folder> <config home> <registry> <image digest>`. */
import type { Digest } from "../../provider/model/digest.ts";
import { bytes } from "./hostile-bytes.ts";
import { openHome } from "./sharing-home.ts";

const [folder = "", configHome = "", registry = "", digest = ""] = process.argv.slice(2);
const image = { repository: { registry, repository: "team/os" }, digest: digest as Digest };
await openHome(folder, configHome).share({ image, bytes });
