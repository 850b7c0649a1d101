/** Format `iso`: the installer as the engine `image-builder` made it. */
import type { ConvertedFormat } from "./format-writer.ts";
import { raw } from "./raw.ts";

export const iso: ConvertedFormat = { ...raw, extension: ".iso" };
