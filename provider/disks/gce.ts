/** Format `gce`: `disk.raw` in a gzipped tar archive, as Google Compute Engine imports it. */
import type { PassFormat } from "./format-writer.ts";

export const gce: PassFormat = { extension: ".tar.gz", version: 2, target: () => ({ format: "gce" }) };
