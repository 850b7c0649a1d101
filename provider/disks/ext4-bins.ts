/** Places items in bins: what is small, large parts of bins and whole bins in zones of their own, and inodes in bins of theirs. */
import { inEighths, placeInBins, type BinItem, type BinPlace } from "../model/bin-placement.ts";
import { binBlocks, binInodes, type BlockItem, type InodeItem, type RootItems } from "./ext4-items.ts";

export interface Placed<Item extends BinItem> {
  readonly item: Item;
  readonly place: BinPlace;
}

export interface BlockZone {
  readonly items: readonly Placed<BlockItem>[];
  readonly bins: number;
}

export interface RootBins {
  /** One behind the other. */
  readonly zones: readonly BlockZone[];
  readonly blockBins: number;
  readonly inodes: readonly Placed<InodeItem>[];
  readonly inodeBins: number;
}

/** How full bins are. Fuller ones make smaller disks, and more files move when one grows [measured: npm run bench]. */
const zones = [
  { zone: "small", filled: 0.75 },
  { zone: "large", filled: 0.75 },
  { zone: "whole", filled: 1 },
] as const;
const filledByInodes = 0.7;

export function placeItems(items: RootItems): RootBins {
  const placed = zones.map(({ zone, filled }) =>
    place(
      items.blocks.filter((item) => item.zone === zone),
      { capacity: binBlocks, filled },
    ),
  );
  const inodes = place(items.inodes, { capacity: binInodes, filled: filledByInodes });
  const blockBins = placed.reduce((sum, { bins }) => sum + bins, 0);
  return { zones: placed, blockBins, inodes: inodes.items, inodeBins: inodes.bins };
}

/** The first bin of each zone, and how many they take together. */
export interface ZoneStarts {
  readonly starts: readonly number[];
  readonly total: number;
}

/**
 * Each zone begins where the one before would end if it filled a power of two, so that a zone can grow without moving those
 * behind it; what it does not fill is free. A disk without the room for that has its zones close together.
 */
export function zoneStarts(bins: RootBins, room: "ample" | "close"): ZoneStarts {
  const starts: number[] = [];
  let total = 0;
  let next = 0;
  for (const zone of bins.zones) {
    starts.push(next);
    total = next + zone.bins;
    next += room === "close" || zone.bins === 0 ? zone.bins : 2 ** Math.ceil(Math.log2(zone.bins));
  }
  return { starts, total };
}

/** The count of bins moves in steps of an eighth of an octave: a few files more do not move all the others. */
function place<Item extends BinItem>(
  items: readonly Item[],
  { capacity, filled }: { readonly capacity: number; readonly filled: number },
): { readonly items: readonly Placed<Item>[]; readonly bins: number } {
  if (items.length === 0) return { items: [], bins: 0 };
  const size = items.reduce((sum, item) => sum + item.size, 0);
  for (let bins = inEighths(size / capacity / filled); ; bins = inEighths(bins + 1)) {
    const places = placeInBins(items, bins, capacity);
    if (places !== undefined) return { items: items.map((item, index) => ({ item, place: places[index] as BinPlace })), bins };
  }
}
