/** A source whose manifests are kept in the store: what is known by its digest never has to be asked for twice. */
import type { Digest } from "../model/digest.ts";
import { parseDocument, type Document } from "./manifest.ts";
import type { Source } from "./repository.ts";
import type { Store } from "./store.ts";
import { distrustRegistry } from "./verified.ts";
import type { Task } from "./trouble.ts";

export function stored(source: Source, store: Store): Source {
  return {
    resolve: (target, task) => source.resolve(target, task),
    ensure: (blob, task, onBytes) => source.ensure(blob, task, onBytes),
    document: async (digest: Digest, task: Task): Promise<Document | undefined> => {
      const kept = await store.read({ digest });
      if (kept !== undefined) {
        await store.touch(digest);
        return parseDocument(kept, "", store.path(digest));
      }
      const document = await source.document(digest, task);
      if (document === undefined) return undefined;
      const about = { what: `Manifest ${digest}`, aftermath: "Nothing of it was kept.", fix: distrustRegistry };
      await store.put({ digest, sizeBytes: document.bytes.length }, bytesOf(document), { about, task });
      return document;
    },
  };
}

async function* bytesOf(document: Document): AsyncGenerator<Uint8Array> {
  yield document.bytes;
}
