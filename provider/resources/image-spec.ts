/** What an Image is, in the words of the spec. */
import { isDigest } from "../model/digest.ts";
import { parseImageReference } from "../model/image-reference.ts";
import { integer, list, map, object, oneOf, string, type ArgsOf, type GivenOf, type StateOf } from "../spec/property.ts";
import { platform } from "../spec/rules.ts";

const repositoryRule = (text: string): string | undefined => {
  const reference = parseImageReference(text);
  if (reference === undefined) return "is no repository; write registry/name, such as registry.example.com/team/os";
  if (reference.registry === "local") return 'is in the local store; leave out "repository" for that';
  return reference.tag === undefined && reference.digest === undefined
    ? undefined
    : 'names a tag or a digest; write registry/name alone, and tags in "tags"';
};

const tagRule = (text: string): string | undefined => {
  if (text.startsWith("in-")) return 'starts with "in-", which is kept for the tags that images are found under';
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(text)
    ? undefined
    : "is no tag; write letters, digits, dots, dashes and underscores, 128 at most";
};

const digestRule = (text: string): string | undefined =>
  isDigest(text) ? undefined : "is no digest; write sha256: and 64 hexadecimal digits";

const instruction = object("ImageInstruction", "One instruction of a Containerfile, to tell later which one changed.", {
  line: { type: integer(), description: "Line that it starts in, counted from 1." },
  keyword: { type: string(), description: "Its name, in capitals." },
  hash: { type: string(), description: "Hash of its text." },
});

export const imageInputs = {
  context: {
    type: string(),
    description:
      "Folder with what the Containerfile copies, relative to the Pulumi project. Where it is does not count, only what is in it.",
    onChange: "ignore",
  },
  containerfile: {
    type: string(),
    description: "The Containerfile, relative to the context. Left out: Containerfile, else Dockerfile.",
    optional: true,
    onChange: "ignore",
  },
  buildArgs: {
    type: map(string()),
    description:
      "Values for the Containerfile's ARG instructions. They stay in the image's history, and other users of the computer can see them during a build: for secrets there is `secrets`.",
    default: {},
    onChange: "ignore",
  },
  target: { type: string(), description: "The stage to build. Left out: the last one.", optional: true, onChange: "ignore" },
  platforms: {
    type: list(platform),
    description:
      "What to build for; several make an index. The default does not depend on the computer, so that every computer plans the same.",
    default: ["linux/amd64"],
    onChange: "ignore",
  },
  labels: { type: map(string()), description: "Labels for the image's configuration.", default: {}, onChange: "ignore" },
  secrets: {
    type: map(string()),
    description: "Build secrets by their id, for RUN --mount=type=secret. Their names count as inputs of the image, their values never do.",
    default: {},
    secret: true,
    onChange: "ignore",
  },
  repository: {
    type: string(repositoryRule),
    description: "Where the image is pushed, as registry/name. Left out: the local store of this computer, and `ref` starts with `local/`.",
    optional: true,
  },
  tags: { type: list(string(tagRule)), description: "Tags to point at the result; they move with it.", default: [] },
  baseUpdates: {
    type: oneOf(["notify", "rebuild", "ignore"]),
    description: "What to do when the tag of a base image has moved since it was locked: say so, build again on the new one, or nothing.",
    default: "notify",
    onChange: "ignore",
  },
  builder: {
    type: oneOf(["auto", "podman", "buildah", "docker"]),
    description: "The program that builds. auto: the first of them that works here.",
    default: "auto",
    onChange: "ignore",
  },
  onDelete: {
    type: oneOf(["keep", "delete"]),
    description:
      "Whether the image is removed from its repository with the resource. Others may use the same digest, so it is kept by default.",
    default: "keep",
    onChange: "ignore",
  },
  inputHash: {
    type: string(),
    description:
      "The one value that decides whether the image is built again. Computed from everything that goes into it; set it to decide yourself.",
    derived: true,
  },
  sources: {
    type: map(string()),
    description:
      "Hash of each file that the build can reach (of each folder where there are hundreds): content, executable bit, link target and relative path. Computed.",
    derived: true,
  },
  bases: {
    type: map(string(digestRule)),
    description: "Digest that each base image is locked at. Computed; set it, for all of them, to lock others.",
    derived: true,
  },
} as const;

export const imageOutputs = {
  ref: { type: string(), description: "The image as repository@digest: what every other resource takes as `image`." },
  digest: { type: string(), description: "Digest of the image's manifest, or of its index where there are several platforms." },
  platformDigests: { type: map(string()), description: "Digest of the manifest for each platform." },
  createdAt: { type: string(), description: "When the image says it was created, in ISO 8601.", optional: true },
  sizeBytes: { type: integer(), description: "Compressed size of all layers and configurations, in bytes." },
  tags: { type: list(string()), description: "Tags that were pointed at the image when it was last built or found.", optional: true },
  inputTag: { type: string(), description: "Tag that the image is found under by everyone with the same inputs.", optional: true },
  instructions: { type: list(instruction), description: "What the Containerfile was made of, to say later which instruction changed." },
} as const;

export type ImageArgs = ArgsOf<typeof imageInputs>;
export type GivenImageArgs = GivenOf<typeof imageInputs>;
export type ImageState = StateOf<typeof imageOutputs>;
export const imageToken = "bootable:index:Image";
export const imageDescription =
  "An operating system image built from a Containerfile. It is built again when its `inputHash` changes, and only then: when a file that the build can reach, the Containerfile, a build argument, the target, a platform, a label, a secret's name or a base's digest changes. " +
  "An image that somebody has already built from the same inputs is found under its `in-` tag and not built. Deleting the resource keeps the image, unless `onDelete` says otherwise.";
