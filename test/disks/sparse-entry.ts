/** Entries with holes in the form 1.0 of GNU tar, and archives that hold them beside others. */
import { header, padded, paxHeader, tar, type TarInput } from "./tar-writer.ts";

export interface SparseInput {
  /** At most 100 bytes. */
  readonly path: string;
  readonly sizeBytes: number;
  /** In order, each of whole blocks of 512 bytes; everything else is holes. */
  readonly pieces: readonly { readonly offset: number; readonly content: Buffer }[];
}

export function sparseEntry({ path, sizeBytes, pieces }: SparseInput): Buffer {
  // The end is marked by an empty piece, as GNU tar does.
  const map = [...pieces.map(({ offset, content }) => [offset, content.length]), [sizeBytes, 0]];
  const lines = `${[map.length, ...map.flat()].join("\n")}\n`;
  const body = Buffer.concat([padded(Buffer.from(lines)), ...pieces.map(({ content }) => content)]);
  const pax = paxHeader({
    "GNU.sparse.major": Buffer.from("1"),
    "GNU.sparse.minor": Buffer.from("0"),
    "GNU.sparse.name": Buffer.from(path, "latin1"),
    "GNU.sparse.realsize": Buffer.from(String(sizeBytes)),
  });
  return Buffer.concat([pax, header({ path }, "0", body.length), padded(body)]);
}

const endBytes = 1024;

export function tarWithHoles(inputs: readonly TarInput[], sparse: readonly SparseInput[]): Buffer {
  const plain = tar(inputs);
  return Buffer.concat([plain.subarray(0, -endBytes), ...sparse.map(sparseEntry), plain.subarray(-endBytes)]);
}
