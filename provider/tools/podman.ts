/** Command lines of podman where they differ from buildah's: working containers, versions. */
import type { WorkingContainer } from "./buildah.ts";

export const listContainersArgs: readonly string[] = ["ps", "--all", "--external", "--format=json"];

interface Listed {
  readonly Id: string;
  readonly ImageID: string;
  readonly State: string;
}

/** Containers of builds are those that podman itself does not run. */
export function parseContainers(json: string): readonly WorkingContainer[] {
  const listed = JSON.parse(json.trim() || "[]") as readonly Listed[];
  return listed.filter(({ State }) => State === "storage").map(({ Id, ImageID }) => ({ id: Id, imageId: ImageID }));
}

export function removeContainersArgs(ids: readonly string[]): readonly string[] {
  return ["rm", "--force", ...ids];
}

/** Reaches podman's machine or storage too: a client alone does not answer. */
export const versionArgs: readonly string[] = ["info", "--format={{.Version.Version}} {{.Host.BuildahVersion}}"];

/** Its own version and that of the buildah inside. */
export function parseVersions(text: string): { readonly own: string; readonly buildah: string } {
  const [own = "", buildah = ""] = text.trim().split(" ");
  return { own, buildah };
}
