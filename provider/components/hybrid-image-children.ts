/** The two resources that a HybridImage makes. Imports the SDK, so it is loaded at the first Construct. */
import * as pulumi from "@pulumi/pulumi";
import type { ComponentConstructor } from "../spec/served.ts";

/** Names of the inputs: all of Image's, and those of Disk that are no disk options. */
export interface InputNames {
  readonly image: readonly string[];
  readonly disk: readonly string[];
}

class Image extends pulumi.CustomResource {
  declare readonly ref: pulumi.Output<string>;
  declare readonly digest: pulumi.Output<string>;

  constructor(name: string, args: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    super("bootable:index:Image", name, { ...args, ref: undefined, digest: undefined }, options);
  }
}

class Disk extends pulumi.CustomResource {
  declare readonly identity: pulumi.Output<string>;
  declare readonly digest: pulumi.Output<string>;
  declare readonly sizeBytes: pulumi.Output<number>;
  declare readonly files: pulumi.Output<object>;

  constructor(name: string, args: pulumi.Inputs, options: pulumi.CustomResourceOptions) {
    const outputs = { identity: undefined, digest: undefined, sizeBytes: undefined, files: undefined };
    super("bootable:index:Disk", name, { ...args, ...outputs }, options);
  }
}

export function hybridImageConstructor(token: string, names: InputNames, version: string): ComponentConstructor {
  return (name, inputs, options) => {
    const hybrid = new pulumi.ComponentResource(token, name, {}, options);
    const childOptions = { parent: hybrid, version };
    const image = new Image(name, imageArgs(inputs["image"], names.image), childOptions);
    const disk = new Disk(name, { ...diskArgs(inputs["disk"], names.disk), image: image.ref }, childOptions);
    const { identity, digest, sizeBytes, files } = disk;
    return { resource: hybrid, outputs: { ref: image.ref, digest: image.digest, disk: { identity, digest, sizeBytes, files } } };
  };
}

/** An object goes on as it is, with names that nobody knows, too, for Image's Check to say so. */
function imageArgs(given: unknown, names: readonly string[]): pulumi.Inputs {
  return pulumi.Output.isInstance(given) ? pick(given, names) : fields(given);
}

/** What is no input of Disk itself is taken for a disk option, again for Check to judge. */
function diskArgs(given: unknown, names: readonly string[]): pulumi.Inputs {
  const others = (value: unknown): object => Object.fromEntries(Object.entries(fields(value)).filter(([name]) => !names.includes(name)));
  return { ...pick(given, names), disk: pulumi.Output.isInstance<unknown>(given) ? given.apply(others) : others(given) };
}

/** The named fields of an object, or of an Output of one. */
function pick(given: unknown, names: readonly string[]): pulumi.Inputs {
  const field = (name: string): unknown =>
    pulumi.Output.isInstance<unknown>(given) ? given.apply((value) => fields(value)[name]) : fields(given)[name];
  return Object.fromEntries(names.map((name) => [name, field(name)]));
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
