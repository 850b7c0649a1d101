/** Identifiers that follow from a disk's identity, so that the same disk is the same bytes. Source: RFC 9562, version 8. */
import { createHash } from "node:crypto";

/** A UUID that depends on nothing but the two texts. */
export function derivedUuid(identity: string, name: string): string {
  const bytes = createHash("sha256").update(`${identity}:${name}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** The 8 hex digits of a FAT volume's serial number. */
export function derivedSerial(identity: string, name: string): string {
  return derivedUuid(identity, name).slice(0, 8);
}
