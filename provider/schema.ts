/** Collects the specs of all that is served, and writes schema.json when it is run: `npm run schema`. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hybridImageSpec } from "./components/hybrid-image.ts";
import type { HybridParts } from "./components/hybrid-image.ts";
import { diskSpec } from "./resources/disk.ts";
import { imageSpec } from "./resources/image.ts";
import { machineGroupSpec } from "./resources/machine-group-spec.ts";
import type { ComponentSpec } from "./spec/component.ts";
import { configuration } from "./spec/configuration.ts";
import type { FunctionSpec } from "./spec/function.ts";
import type { ResourceSpec } from "./spec/resource.ts";
import { deriveSchema, type JsonObject } from "./spec/schema.ts";

export const resources: readonly ResourceSpec[] = [imageSpec, diskSpec, machineGroupSpec];

/** What a HybridImage takes from the two resources in it. */
export const hybridParts: HybridParts = {
  imageInputs: imageSpec.inputs,
  diskInputs: diskSpec.inputs,
  diskFiles: diskSpec.outputs.files.type,
};
const components: readonly ComponentSpec[] = [hybridImageSpec(hybridParts)];
const functions: readonly FunctionSpec[] = [];

export const about: JsonObject = {
  displayName: "Bootable",
  keywords: ["pulumi", "category/infrastructure", "bootable", "bootc", "image", "disk"],
  license: "Apache-2.0",
  language: {
    csharp: { respectSchemaVersion: true },
    go: { importBasePath: "bootable.test/sdk/go/bootable", respectSchemaVersion: true, generateResourceContainerTypes: true },
    nodejs: { packageName: "pulumi-bootable", respectSchemaVersion: true },
    python: { packageName: "pulumi_bootable", respectSchemaVersion: true, pyproject: { enabled: true } },
  },
};

/** The package schema as an object; schema.json is its text. */
export function packageSchema(version: string): JsonObject {
  const description = "Bootable operating system images: built from a Containerfile, turned into disks, rolled through machines.";
  return deriveSchema({ name: "bootable", version, description, about, configuration, resources, components, functions });
}

export function formatSchema(schema: JsonObject): string {
  return `${JSON.stringify(schema, undefined, 2)}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  writeFileSync(new URL("../schema.json", import.meta.url), formatSchema(packageSchema(version)));
}
