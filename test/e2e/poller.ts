/** Watches pages from the outside, all the time: the proof of "never more than one down". */
import { setTimeout as sleep } from "node:timers/promises";

export interface Watch {
  /** Ends the watching; the largest number of pages that were down at one time, and the texts each has shown, in order. */
  stop(): Promise<{ readonly mostDown: number; readonly seen: Readonly<Record<string, readonly string[]>>; readonly rounds: number }>;
}

/** The page's text, or undefined when there is none within two seconds. */
export async function fetchPage(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000), headers: { connection: "close" } });
    const text = await response.text();
    return response.ok ? text.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** Asks all pages at once, again and again; one round is one moment. */
export function watchPages(urls: Readonly<Record<string, string>>): Watch {
  const stopping = new AbortController();
  const seen: Record<string, string[]> = Object.fromEntries(Object.keys(urls).map((name) => [name, []]));
  let mostDown = 0;
  let rounds = 0;
  const round = async (): Promise<void> => {
    const pages = await Promise.all(Object.entries(urls).map(async ([name, url]) => [name, await fetchPage(url)] as const));
    rounds += 1;
    mostDown = Math.max(mostDown, pages.filter(([, text]) => text === undefined).length);
    for (const [name, text] of pages) {
      if (text !== undefined && seen[name]?.at(-1) !== text) seen[name]?.push(text);
    }
  };
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await round();
      await sleep(250, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await watching;
      // What is true at the end has been seen, too, however long a round took.
      await round();
      return { mostDown, seen, rounds };
    },
  };
}
