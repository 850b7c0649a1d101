/** HybridImage: one Image and the Disk that is made from it, to the outside one resource. */
import { componentSpec } from "../spec/component.ts";
import type { ComponentSpec } from "../spec/component.ts";
import { integer, object, string } from "../spec/property.ts";
import type { Fields, Inputs, MapType, ObjectType } from "../spec/property.ts";
import { diskOptions } from "../spec/shapes.ts";
import type { ServedComponent } from "../spec/served.ts";

const token = "bootable:index:HybridImage";

const description =
  "One image and all that it has to be: an Image built from a Containerfile, and the Disk that is made from it. " +
  "Both are built or made again as they would be alone, and deleting it deletes both in their own ways.";

/** The inputs and outputs of the two resources, which stand in their own specs. */
export interface HybridParts {
  readonly imageInputs: Inputs;
  readonly diskInputs: Inputs;
  /** The type of Disk's output `files`. */
  readonly diskFiles: MapType;
}

export function hybridImageSpec({ imageInputs, diskInputs, diskFiles }: HybridParts): ComponentSpec {
  const { image: _image, disk: _disk, ...fileInputs } = diskInputs;
  const image = object("HybridImageBuild", "How the image is built: the inputs of an Image.", imageInputs);
  const disk = object("HybridImageDiskOptions", "How the disk is made, and the files of it: the inputs of a Disk.", {
    ...diskOptions.fields,
    ...fileInputs,
  });
  return componentSpec({
    token,
    description,
    inputs: {
      image: { type: image, description: "How the image is built: what an Image takes." },
      disk: {
        type: disk,
        default: {},
        description: "How the disk is made, and which files are written: what a Disk takes, but for the image.",
      },
    },
    outputs: {
      ref: { type: string(), description: "The image as repository@digest: what every other resource takes as `image`." },
      digest: { type: string(), description: "Digest of the image's manifest, or of its index where there are several platforms." },
      disk: { type: madeDisk(diskFiles), description: "The disk that was made from the image." },
    },
  });
}

function madeDisk(files: MapType): ObjectType {
  const fields: Fields = {
    identity: { type: string(), description: "What identifies the disk everywhere: a hash of the image's digest and the options." },
    digest: { type: string(), description: "Digest of the raw disk's bytes." },
    sizeBytes: { type: integer(), description: "Size of the raw disk in bytes." },
    files: { type: files, description: "The files that were written, by format." },
  };
  return object("HybridImageDisk", "A disk that was made from an image.", fields);
}

export function hybridImage(parts: HybridParts & { readonly version: string }): ServedComponent {
  const { disk: _, ...diskNames } = parts.diskInputs;
  const names = { image: Object.keys(parts.imageInputs), disk: Object.keys(diskNames) };
  return { token, load: async () => (await import("./hybrid-image-children.ts")).hybridImageConstructor(token, names, parts.version) };
}
