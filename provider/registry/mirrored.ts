/** Several places that may have an image: mirrors first, the place itself last. Only the last one's word is final. */
import { Failure } from "../failure.ts";
import type { Digest } from "../model/digest.ts";
import type { Descriptor, Document } from "./manifest.ts";
import type { Source } from "./repository.ts";
import { throwIfCancelled, type Task } from "./trouble.ts";

type Places = readonly [Source, ...Source[]];

/** The first answer that is one; troubles and absences of mirrors are passed over. */
async function firstAnswer<T>(places: Places, task: Task, ask: (place: Source) => Promise<T | undefined>): Promise<T | undefined> {
  const final = places.at(-1) ?? places[0];
  for (const mirror of places.slice(0, -1)) {
    try {
      const answer = await ask(mirror);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== "remote") throw error;
      throwIfCancelled(task);
    }
  }
  return ask(final);
}

export function mirrored(places: Places): Source {
  if (places.length === 1) return places[0];
  return {
    resolve: (target: string, task: Task): Promise<Digest | undefined> => firstAnswer(places, task, (place) => place.resolve(target, task)),
    document: (digest: Digest, task: Task): Promise<Document | undefined> =>
      firstAnswer(places, task, (place) => place.document(digest, task)),
    ensure: async (blob: Descriptor, task: Task, onBytes?: (count: number) => void): Promise<void> => {
      await firstAnswer(places, task, async (place) => {
        await place.ensure(blob, task, onBytes);
        return true;
      });
    },
  };
}
