import { expect, test } from "vitest";
import { formatImageReference, parseImageReference } from "../../provider/model/image-reference.ts";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["127.0.0.1:5000/team/os:v1", { registry: "127.0.0.1:5000", repository: "team/os", tag: "v1" }],
  [`registry.example.com/os@${digest}`, { registry: "registry.example.com", repository: "os", digest }],
  [`local/os@${digest}`, { registry: "local", repository: "os", digest }],
  [`localhost/os:1@${digest}`, { registry: "localhost", repository: "os", tag: "1", digest }],
])("reads %s and writes it back", (text, expected) => {
  const reference = parseImageReference(text);
  expect(reference).toEqual(expected);
  expect(reference && formatImageReference(reference)).toBe(text);
});

test.each([
  "os",
  "debian:13",
  "team/os",
  "registry.example.com/OS",
  "registry.example.com/os:",
  "registry.example.com/os@sha256:12",
  "registry.example.com/../os",
])("refuses %s", (text) => {
  expect(parseImageReference(text)).toBeUndefined();
});
