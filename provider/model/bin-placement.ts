/**
 * Places items in bins of equal capacity by the hashes of their names, so that where an item lies depends on itself and
 * on few others, and not on what was there before. Rules: larger classes of size first (powers of two), then by hash;
 * an item that finds its bin full goes on to the next of its own sequence of bins.
 */

export interface BinItem {
  /** Of its name: 32 bits. */
  readonly hash: number;
  /** Up to a bin's capacity, or a power of two of whole bins. */
  readonly size: number;
}

export interface BinPlace {
  readonly bin: number;
  /** Inside the bin. */
  readonly offset: number;
}

const mostProbes = 64;

/** One place for each item, or undefined when the bins cannot hold them. */
export function placeInBins(items: readonly BinItem[], bins: number, capacity: number): BinPlace[] | undefined {
  const room = new Int32Array(bins).fill(capacity);
  const held: number[][] = Array.from({ length: bins }, () => []);
  const order = items.map((_, index) => index).sort((a, b) => inOrder(items, a, b));
  for (const index of order) {
    const item = items[index] as BinItem;
    const bin = item.size > capacity ? findRun(room, item, capacity) : findBin(room, item);
    if (bin === undefined) return undefined;
    const taken = Math.ceil(item.size / capacity);
    for (let one = 0; one < taken; one++) room[bin + one] = (room[bin + one] ?? 0) - Math.min(item.size, capacity);
    held[bin]?.push(index);
  }
  return offsets(items, held);
}

/** Rounded up to an eighth of an octave: what grows a little keeps its size. Exact up to 8. */
export function inEighths(size: number): number {
  if (size <= 8) return Math.ceil(size);
  const step = 2 ** (Math.floor(Math.log2(size)) - 3);
  return Math.ceil(size / step) * step;
}

/** 32 bits of which each depends on all of the 32 given ones. Source: MurmurHash3's last step. */
export function mixed(hash: number): number {
  let state = hash;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return (state ^ (state >>> 16)) >>> 0;
}

function sizeClass({ size }: BinItem): number {
  return 31 - Math.clz32(Math.max(1, size));
}

function inOrder(items: readonly BinItem[], a: number, b: number): number {
  const first = items[a] as BinItem;
  const second = items[b] as BinItem;
  return sizeClass(second) - sizeClass(first) || first.hash - second.hash || a - b;
}

const golden = 0x9e3779b9;

/**
 * One of `count`, such that one more takes its share from all and moves nobody else.
 * Source: Lamping and Veach, A Fast, Minimal Memory, Consistent Hash Algorithm.
 */
function oneOf(hash: number, count: number): number {
  let chosen = 0;
  for (let next = 0, step = 1; next < count; step++) {
    chosen = next;
    next = Math.floor((chosen + 1) / ((mixed(hash + Math.imul(step, golden)) + 1) / 2 ** 32));
  }
  return chosen;
}

function findBin(room: Int32Array, { hash, size }: BinItem): number | undefined {
  for (let probe = 0; probe < mostProbes; probe++) {
    const bin = oneOf(probe === 0 ? hash : mixed(hash ^ Math.imul(probe, golden)), room.length);
    if ((room[bin] ?? 0) >= size) return bin;
  }
  const first = oneOf(hash, room.length);
  for (let step = 0; step < room.length; step++) {
    const bin = (first + step) % room.length;
    if ((room[bin] ?? 0) >= size) return bin;
  }
  return undefined;
}

/** Whole bins one after the other, from a multiple of their count. */
function findRun(room: Int32Array, { hash, size }: BinItem, capacity: number): number | undefined {
  const length = size / capacity;
  const slots = Math.floor(room.length / length);
  const first = oneOf(hash, slots);
  for (let step = 0; step < slots; step++) {
    const start = ((first + step) % slots) * length;
    if (isFree(room, { start, length, capacity })) return start;
  }
  return undefined;
}

function isFree(room: Int32Array, run: { readonly start: number; readonly length: number; readonly capacity: number }): boolean {
  for (let bin = run.start; bin < run.start + run.length; bin++) if (room[bin] !== run.capacity) return false;
  return true;
}

function offsets(items: readonly BinItem[], held: readonly (readonly number[])[]): BinPlace[] {
  const places: BinPlace[] = [];
  held.forEach((indexes, bin) => {
    let offset = 0;
    for (const index of [...indexes].sort((a, b) => (items[a]?.hash ?? 0) - (items[b]?.hash ?? 0) || a - b)) {
      places[index] = { bin, offset };
      offset += items[index]?.size ?? 0;
    }
  });
  return places;
}
