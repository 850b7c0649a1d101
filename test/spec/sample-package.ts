/** A whole package around the sample resource: a component, a function and configuration, for tests of generators. */
import { componentSpec } from "../../provider/spec/component.ts";
import { configuration } from "../../provider/spec/configuration.ts";
import { functionSpec } from "../../provider/spec/function.ts";
import { list, string } from "../../provider/spec/property.ts";
import type { JsonObject } from "../../provider/spec/schema.ts";
import { deriveSchema } from "../../provider/spec/schema.ts";
import { diskOptions, rollout } from "../../provider/spec/shapes.ts";
import { about } from "../../provider/schema.ts";
import { spec } from "./sample.ts";

const pair = componentSpec({
  token: "bootable:index:Pair",
  description: "Two of them.",
  inputs: {
    disk: { type: diskOptions, optional: true, description: "Disk." },
    rollout: { type: rollout, optional: true, description: "Rollout." },
    names: { type: list(string()), description: "Names.", plain: true },
  },
  outputs: { ref: { type: string(), description: "Reference." } },
});

const getSample = functionSpec({
  token: "bootable:index:getSample",
  description: "Looks up a sample.",
  inputs: { name: { type: string(), description: "Its name." } },
  outputs: { digest: { type: string(), description: "Its digest." } },
});

export const samplePackage: JsonObject = deriveSchema({
  name: "bootable",
  version: "1.2.3",
  description: "A package.",
  about,
  configuration,
  resources: [spec],
  components: [pair],
  functions: [getSample],
});
