/** Places items in bins: whole bins first, then the large parts, then what is small; and inodes in bins of their own. */
import { inEighths, placeInBins, type BinItem, type BinPlace } from "../model/bin-placement.ts";
import { binBlocks, binInodes, type BlockItem, type InodeItem, type RootItems } from "./ext4-items.ts";

export interface Placed<Item extends BinItem> {
  readonly item: Item;
  readonly place: BinPlace;
}

export interface RootBins {
  readonly blocks: readonly Placed<BlockItem>[];
  readonly inodes: readonly Placed<InodeItem>[];
  readonly blockBins: number;
  readonly inodeBins: number;
}

/** How full bins are. Fuller ones make smaller disks, and more files move when one grows [measured: npm run bench]. */
const zones = [
  { zone: "whole", filled: 1 },
  { zone: "large", filled: 0.75 },
  { zone: "small", filled: 0.8 },
] as const;
const filledByInodes = 0.7;

export function placeItems(items: RootItems): RootBins {
  const blocks: Placed<BlockItem>[] = [];
  let blockBins = 0;
  for (const { zone, filled } of zones) {
    const placed = place(
      items.blocks.filter((item) => item.zone === zone),
      { capacity: binBlocks, filled },
    );
    const first = blockBins;
    blocks.push(...placed.items.map(({ item, place }) => ({ item, place: { ...place, bin: first + place.bin } })));
    blockBins += placed.bins;
  }
  const inodes = place(items.inodes, { capacity: binInodes, filled: filledByInodes });
  return { blocks, inodes: inodes.items, blockBins, inodeBins: inodes.bins };
}

interface PlacedIn<Item extends BinItem> {
  readonly items: readonly Placed<Item>[];
  readonly bins: number;
}

/** The count of bins moves in steps of an eighth of an octave: a few files more do not move all the others. */
function place<Item extends BinItem>(
  items: readonly Item[],
  { capacity, filled }: { readonly capacity: number; readonly filled: number },
): PlacedIn<Item> {
  if (items.length === 0) return { items: [], bins: 0 };
  const size = items.reduce((sum, item) => sum + item.size, 0);
  for (let bins = inEighths(size / capacity / filled); ; bins = inEighths(bins + 1)) {
    const places = placeInBins(items, bins, capacity);
    if (places !== undefined) return { items: items.map((item, index) => ({ item, place: places[index] as BinPlace })), bins };
  }
}
