/** How large a root file system must be, and how large it is when nobody says. */
import { inEighths } from "../model/bin-placement.ts";
import { mebibyte } from "../model/disk-layout.ts";
import type { RootBins } from "./ext4-bins.ts";
import { binBlocks } from "./ext4-items.ts";
import { hasRoom } from "./ext4-places.ts";
import { blockBytes } from "../model/ext4-geometry.ts";

/** In steps of an eighth of an octave, so that a little more content is not another size. */
export function defaultRootBytes(bins: RootBins): number {
  const content = contentBytes(bins);
  // Room for logs and packages.
  const slack = Math.max(256 * mebibyte, content / 10);
  for (let size = stepped(content + slack); ; size = stepped(size + mebibyte)) if (hasRoom(bins, size, slack)) return size;
}

/** The fewest MiB that hold everything. */
export function smallestRootBytes(bins: RootBins): number {
  let tooSmall = Math.floor(contentBytes(bins) / mebibyte) - 1;
  let enough = tooSmall + 1;
  for (let step = 1; !hasRoom(bins, enough * mebibyte); step *= 2) {
    tooSmall = enough;
    enough += step;
  }
  while (enough - tooSmall > 1) {
    const middle = Math.floor((enough + tooSmall) / 2);
    if (hasRoom(bins, middle * mebibyte)) enough = middle;
    else tooSmall = middle;
  }
  return enough * mebibyte;
}

function contentBytes({ blockBins }: RootBins): number {
  return blockBins * binBlocks * blockBytes;
}

function stepped(bytes: number): number {
  return inEighths(Math.ceil(bytes / mebibyte)) * mebibyte;
}
