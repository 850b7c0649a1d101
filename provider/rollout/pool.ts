/** Work on many hosts, a few at a time. */

/** Runs `work` for every item, at most `atOnce` at the same time; rejects with the first rejection. */
export async function inPool<T>(items: Iterable<T>, atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true; next = queue.next()) await work(next.value);
  };
  await Promise.all(Array.from({ length: Math.max(1, atOnce) }, worker));
}
