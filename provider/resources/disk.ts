/** The Disk resource: an image turned into disk files. */
import { isDeepStrictEqual } from "node:util";
import { Failure } from "../failure.ts";
import { diskFormats } from "../model/disk.ts";
import { settleEngine } from "../model/disk-engine.ts";
import { formatImageReference, isPinned, parseImageReference, type PinnedReference } from "../model/image-reference.ts";
import { targetsOf } from "../model/image-check-targets.ts";
import { manifestFor } from "../model/platform.ts";
import type { CheckedFields } from "../spec/handlers.ts";
import { isKnown } from "../spec/known.ts";
import { boolean, integer, list, map, object, oneOf, string, type ArgsOf, type StateOf } from "../spec/property.ts";
import { pinnedImage } from "../spec/rules.ts";
import { diskOptions } from "../spec/shapes.ts";
import { resourceSpec, serve, type HandlersOf } from "../spec/resource.ts";
import type { CallContext, CheckFailure, ServedResource } from "../spec/served.ts";
import { unknown } from "../spec/value.ts";
import { imageChecks, judgeImage } from "./disk-checks.ts";
import { missingFiles, writeFiles, type DiskFilePorts } from "./disk-files.ts";
import { checkBootLoader } from "./disk-boot-loader.ts";
import { checkDiskOptions, checkFormats, plainDiskOptions } from "./disk-options.ts";
import { artifactOf, checkPublish, planPublish, planText, removeArtifact, sharingOf } from "./disk-publish.ts";
import type { Images } from "./ports.ts";
import { progressText } from "./progress-text.ts";

function nameRule(text: string): string | undefined {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text)
    ? undefined
    : "is no file name; write letters, digits, dots, dashes and underscores";
}

const diskFile = object("DiskFile", "One file that was written for the user.", {
  path: { type: string(), description: "Path as the program gave the folder, so relative to the project where that was." },
  sizeBytes: { type: integer(), description: "Length of the file in bytes." },
  digest: { type: string(), description: "Digest of the file's bytes." },
});

const inputs = {
  image: { type: pinnedImage, description: "The image, as repository@sha256:digest." },
  disk: { type: diskOptions, description: "How it becomes a disk.", default: {} },
  formats: {
    type: list(oneOf(diskFormats)),
    description:
      "Files to write into `directory`: raw, qcow2, vhd (fixed, for Azure), vmdk (streamOptimized), gce (disk.raw in tar.gz) or, with engine `image-builder` and alone, iso (an installer). Left out: none; the disk is made in the cache.",
    default: [],
  },
  directory: { type: string(), description: "Folder for the files, relative to the Pulumi project; made when missing.", default: "." },
  fileName: { type: string(nameRule), description: "Name of the files without extension. Left out: the resource's name.", optional: true },
  publish: {
    type: boolean(),
    description:
      "Shares the disk through the registry of the image: the raw disk is pushed there as an artifact that refers to the image, and a computer that finds it there fetches it instead of making it. Whoever may push to that repository then says what such a computer boots.",
    default: false,
  },
  checks: {
    type: imageChecks,
    description: "What of the image is not judged before the disk is made. It changes no disk.",
    default: {},
    onChange: "ignore",
  },
  onDelete: {
    type: oneOf(["keep", "delete"]),
    description: "Whether the files go with the resource, and the published disk where this resource pushed it.",
    default: "delete",
    onChange: "ignore",
  },
} as const;

const artifact = object("DiskArtifact", "A disk that lies in the registry of its image.", {
  ref: { type: string(), description: "The artifact as repository@digest." },
  pushed: { type: boolean(), description: "Whether this resource pushed it; else it was there." },
});

const outputs = {
  identity: { type: string(), description: "What identifies the disk everywhere: a hash of the image's digest and the options." },
  image: { type: string(), description: "The image that the disk was made from." },
  digest: { type: string(), description: "Digest of the raw disk's bytes." },
  sizeBytes: { type: integer(), description: "Size of the raw disk in bytes." },
  files: { type: map(diskFile), description: "The files that were written, by format." },
  artifact: { type: artifact, description: "The disk in the registry, where it is published.", optional: true },
} as const;

const description =
  "An image turned into a bootable disk (GPT, EFI system partition, root file system) and, where asked for, into files for other programs. It is made again when the image's digest or an option changes. " +
  "The disk itself lives in this computer's cache and is made again when something needs it. Deleting the resource removes the files that it wrote, and the disk that it published, unless `onDelete` says otherwise.";

export const diskSpec = resourceSpec({ token: "bootable:index:Disk", description, inputs, outputs });

type Args = ArgsOf<typeof inputs>;
type State = StateOf<typeof outputs>;
type Handlers = HandlersOf<typeof inputs, typeof outputs>;

export interface DiskPorts extends DiskFilePorts {
  readonly images: Images;
}

export function disk(ports: DiskPorts): ServedResource {
  return serve(diskSpec, {
    check: async ({ args }) => {
      const { derived, failures } = await checkBootLoader(ports.disks, args.disk);
      return {
        derived,
        failures: [...repeatedFormats(args), ...checkDiskOptions(args.disk), ...failures, ...checkFormats(args), ...checkPublish(args)],
      };
    },
    diff: ({ args, state, derived }) => (derived.length > 0 ? derived : missingFiles(args.formats, state.files)),
    preview: (request) => previewDisk(ports, request),
    ensure: (request) => makeDisk(ports, request),
    read: ({ args, state, id }) => Promise.resolve(readDisk(id, args, state)),
    remove: async ({ args, state, context }) => {
      if (args.onDelete !== "delete") return;
      for (const file of Object.values(state.files)) await ports.removeFile(file.path);
      await removeArtifact(ports.disks, state, context);
    },
  });
}

function repeatedFormats(args: { readonly formats?: unknown }): readonly CheckFailure[] {
  if (!Array.isArray(args.formats)) return [];
  const formats: readonly unknown[] = args.formats;
  return formats.flatMap((format, index) =>
    typeof format === "string" && formats.indexOf(format) < index
      ? [{ path: ["formats", index], reason: `"${format}" is there twice` }]
      : [],
  );
}

function pinnedReference(text: string): PinnedReference {
  const reference = parseImageReference(text);
  if (reference !== undefined && isPinned(reference)) return reference;
  throw new Failure({ kind: "bug", message: `The image ${text} passed Check without a digest.` });
}

async function previewDisk(ports: DiskPorts, request: Parameters<Handlers["preview"]>[0]): ReturnType<Handlers["preview"]> {
  const { args, old, context } = request;
  const nothing: CheckedFields<State> = {
    identity: unknown,
    image: args.image,
    digest: unknown,
    sizeBytes: unknown,
    files: unknown,
    ...(args.publish === false ? {} : { artifact: unknown }),
  };
  if (!isKnown(args.image) || !isKnown(args.disk)) return nothing;
  const identity = await knownIdentity(ports, args as Pick<Args, "image" | "disk">, context);
  if (identity === undefined) return nothing;
  const shared = await sharedFields(ports, request, identity);
  if (old?.state.identity !== identity) return { ...nothing, identity, ...shared };
  const { digest, sizeBytes, files } = old.state;
  const sameFiles = (["formats", "directory", "fileName"] as const).every((name) => isDeepStrictEqual(old.args[name], args[name]));
  const kept = sameFiles && missingFiles(args.formats, files).length === 0 ? files : unknown;
  return { ...nothing, ...shared, identity, digest, sizeBytes, files: kept };
}

/** What the registry knows of a published disk is known before it is fetched. */
async function sharedFields(
  ports: DiskPorts,
  { args, old, context }: Parameters<Handlers["preview"]>[0],
  identity: string,
): Promise<Partial<CheckedFields<State>>> {
  if (args.publish !== true) return {};
  const { image, disk } = args as Pick<Args, "image" | "disk">;
  const known = old?.state.identity === identity ? old.state : undefined;
  if (known?.artifact !== undefined) return { artifact: known.artifact };
  const reference = pinnedReference(image);
  const plan = await planPublish(ports.disks, { image: reference, options: plainDiskOptions(disk) }, context);
  const text = planText(plan, reference);
  if (text !== undefined) context.report.info(text);
  if (typeof plan === "string" || (known !== undefined && known.digest !== plan.digest)) return {};
  return { digest: plan.digest, sizeBytes: plan.sizeBytes, artifact: { ref: formatImageReference(plan.artifact), pushed: false } };
}

const lookupSeconds = 5;

/** Undefined when the registry cannot tell now: a preview then says that the disk is not known yet. */
async function knownIdentity(ports: DiskPorts, args: Pick<Args, "image" | "disk">, context: CallContext): Promise<string | undefined> {
  const options = plainDiskOptions(args.disk);
  const reference = pinnedReference(args.image);
  try {
    const signal = AbortSignal.any([context.signal, AbortSignal.timeout(lookupSeconds * 1000)]);
    const description = await ports.images.describe(reference, signal);
    const manifest = manifestFor(description?.platformDigests ?? {}, options.platform);
    if (description === undefined || manifest === undefined) return undefined;
    return ports.disks.identity(manifest, settleEngine(options, { reference, manifest, labels: description.labels }));
  } catch (thrown) {
    if (!(thrown instanceof Failure) || thrown.kind === "bug" || context.signal.aborted) throw thrown;
    const why = thrown.code === "cancelled" ? `the registry did not describe the image within ${lookupSeconds} s.` : thrown.message;
    context.report.warn(`the disk cannot be planned exactly: ${why}`);
    return undefined;
  }
}

async function makeDisk(ports: DiskPorts, { args, old, context }: Parameters<Handlers["ensure"]>[0]): ReturnType<Handlers["ensure"]> {
  const request = {
    image: pinnedReference(args.image),
    options: plainDiskOptions(args.disk),
    signal: context.signal,
    onProgress: progressText((text) => context.report.status(text)),
  };
  const inspect = judgeImage({ args, old: old?.args, targets: ({ formats }) => targetsOf(formats), report: context.report });
  const { directory, formats } = args;
  // The name that it had when it was made: an alias renames no file.
  const baseName = args.fileName ?? old?.id ?? context.name;
  const wanted = formats.map((format) => ({ format, directory, baseName }));
  const made = await ports.disks.make({ ...request, inspect, files: wanted, ...sharingOf(args.publish, old?.state, context) });
  const { files, incomplete } = await writeFiles(ports, {
    request: { ...request, directory, baseName },
    formats,
    old: old?.state.files ?? {},
  });
  const { identity, digest, sizeBytes } = made;
  const state = { identity, image: args.image, digest, sizeBytes, files, ...artifactOf(made, old?.state) };
  return { state, ...(incomplete === undefined ? {} : { incomplete }) };
}

function readDisk(id: string, args: Args | undefined, state: State | undefined): Awaited<ReturnType<Handlers["read"]>> {
  if (args !== undefined && state !== undefined) return { kind: "present", args, state };
  throw new Failure({
    kind: "input",
    message: `A Disk cannot be imported: what "${id}" was made from is not written in its files.`,
    fix: "declare it in the program; the disk is then made, or found in the cache.",
  });
}
