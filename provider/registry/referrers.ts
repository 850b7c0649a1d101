/**
 * What belongs to an image in a registry without being part of it. Registries with the referrers API keep the list themselves
 * and say so when a manifest with a subject is written; in others the client keeps it, as an index under the tag
 * `sha256-<digest of the image>`. Source: OCI distribution spec 1.1, "Pushing Manifests with Subject" and "Deleting Manifests".
 */
import { setTimeout as sleep } from "node:timers/promises";
import { digestHex, isDigest, type Digest } from "../model/digest.ts";
import { answerTrouble, isDefinitelyNotFound } from "./answers.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Reply } from "./exchange.ts";
import { parseShape, shapesAt, textAt, type Shape } from "./json-shape.ts";
import { acceptedTypes, maxDocumentBytes, type Document } from "./manifest.ts";
import { putManifest } from "./put-manifest.ts";
import { failureOf, must, type Task } from "./trouble.ts";

const indexType = "application/vnd.oci.image.index.v1+json";
/** Others may write the list at the same moment; each time round there is one less to wait for. */
const maxRounds = 8;

export interface Referring {
  readonly endpoint: Endpoint;
  readonly repository: string;
  /** The image that is referred to. */
  readonly subject: Digest;
}

export interface Referrer {
  readonly document: Document;
  readonly artifactType: string;
}

function fallbackTag(subject: Digest): string {
  return `sha256-${digestHex(subject)}`;
}

/** Writes a manifest that has a subject, and sees to it that it is found from there. */
export async function putReferrer(parts: Referring, { document, artifactType }: Referrer, task: Task): Promise<void> {
  const reply = must(task, await putManifest({ ...parts, document, target: document.digest }, task));
  if (reply.headers["oci-subject"] !== undefined) return;
  const { digest, mediaType, bytes } = document;
  const own = { mediaType, digest, size: bytes.length, artifactType };
  await changeList(parts, task, {
    isDone: (listed) => listed.some((entry) => textAt(entry, "digest") === digest),
    change: (listed) => [...listed, own],
  });
}

/** Takes a manifest that is being removed off the list that clients keep; a list that the registry keeps needs nothing. */
export async function dropReferrer(parts: Referring, digest: Digest, task: Task): Promise<void> {
  await changeList(parts, task, {
    isDone: (listed) => listed.every((entry) => textAt(entry, "digest") !== digest),
    change: (listed) => listed.filter((entry) => textAt(entry, "digest") !== digest),
  });
}

interface ListChange {
  readonly isDone: (listed: readonly Shape[]) => boolean;
  readonly change: (listed: readonly Shape[]) => readonly Shape[];
}

/** Reads the list back after writing it: few registries refuse a write that is based on an older list. */
async function changeList(parts: Referring, task: Task, { isDone, change }: ListChange): Promise<void> {
  let gone: ReadonlySet<string> = new Set();
  for (let round = 1; round <= maxRounds; round += 1) {
    const list = await readList(parts, task);
    const listed = shapesAt(list.shape, "manifests").filter((entry) => !gone.has(textAt(entry, "digest") ?? ""));
    if (isDone(listed)) return;
    const reply = await writeList(parts, { ...list, shape: { ...list.shape, manifests: change(listed) } }, task);
    if (reply.status === 400) gone = await missingOf(parts, listed, { reply, task });
    // Whoever wrote at the same moment comes back at another one.
    if (round > 1) await sleep(Math.random() * 100 * round, undefined, { signal: task.signal }).catch(() => undefined);
  }
  const { shape } = await readList(parts, task);
  if (!isDone(shapesAt(shape, "manifests"))) throw contested(parts, task);
}

async function writeList(parts: Referring, { shape, entityTag }: List, task: Task): Promise<Reply> {
  const document = { bytes: Buffer.from(JSON.stringify(shape)), mediaType: indexType };
  const headers = entityTag === undefined ? {} : { "if-match": entityTag };
  const target = fallbackTag(parts.subject);
  return must(task, await putManifest({ ...parts, document, target, headers, expected: [201, 400, 412] }, task));
}

/** Some registries take no list that names what is not there any more: those entries list nothing, and go. */
async function missingOf(
  { endpoint, repository }: Referring,
  listed: readonly Shape[],
  { reply, task }: { readonly reply: Reply; readonly task: Task },
): Promise<ReadonlySet<string>> {
  const missing = new Set<string>();
  for (const digest of listed.map((entry) => textAt(entry, "digest") ?? "").filter(isDigest)) {
    const path = `/v2/${repository}/manifests/${digest}`;
    const scope = { repository, right: "push" } as const;
    const headers = { accept: acceptedTypes };
    const answer = must(task, await endpoint.ask({ method: "HEAD", path, scope, headers, expected: [200, 404] }, task));
    if (isDefinitelyNotFound(answer)) missing.add(digest);
  }
  if (missing.size === 0) throw failureOf(task, answerTrouble(reply, { who: "the registry", registry: endpoint.registry, secrets: [] }));
  return missing;
}

interface List {
  /** The index as it came, so that nothing in it is lost. */
  readonly shape: Shape;
  readonly entityTag?: string;
}

const emptyList: List = { shape: { schemaVersion: 2, mediaType: indexType, manifests: [] } };

async function readList(parts: Referring, task: Task): Promise<List> {
  const { endpoint, repository, subject } = parts;
  const question = {
    method: "GET",
    path: `/v2/${repository}/manifests/${fallbackTag(subject)}`,
    scope: { repository, right: "push" },
    headers: { accept: indexType },
    expected: [200, 404],
    limitBytes: maxDocumentBytes,
  } as const;
  const reply = must(task, await endpoint.ask(question, task));
  if (reply.status === 404) return absent(parts, reply, task);
  const shape = parseShape(reply.bytes.toString("utf8"));
  const manifests = shape?.["manifests"];
  // A list of which a part cannot be read would lose that part.
  if (shape === undefined || !Array.isArray(manifests) || shapesAt(shape, "manifests").length < manifests.length)
    throw notAList(parts, task);
  const entityTag = reply.headers.etag;
  return { shape, ...(entityTag === undefined ? {} : { entityTag }) };
}

function absent({ endpoint }: Referring, reply: Reply, task: Task): List {
  if (isDefinitelyNotFound(reply)) return emptyList;
  throw failureOf(task, answerTrouble(reply, { who: "the registry", registry: endpoint.registry, secrets: [] }));
}

function notAList({ subject }: Referring, task: Task): Error {
  return failureOf(task, {
    trouble: "refused",
    passing: false,
    reason: `the tag ${fallbackTag(subject)} is there to list what belongs to the image, and what it names is no such list; it was left as it is`,
    fix: "look what put that tag there, and delete it in the registry.",
  });
}

function contested({ subject }: Referring, task: Task): Error {
  return failureOf(task, {
    trouble: "refused",
    passing: true,
    reason: `others wrote over the list under the tag ${fallbackTag(subject)} each of the ${maxRounds} times that it was written`,
    fix: "run pulumi up again.",
  });
}
