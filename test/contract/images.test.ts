import { afterAll, beforeAll } from "vitest";
import { startRegistry, type RealRegistry } from "../fakes/docker-registry.ts";
import { MemoryImages } from "../fakes/memory-images.ts";
import { hostile, imagesIn, scratchFolder } from "../registry/scratch.ts";
import { imagesContract } from "./images-contract.ts";

let plain: RealRegistry;
let guarded: RealRegistry;

beforeAll(async () => {
  plain = await startRegistry();
  guarded = await startRegistry({ auth: true, tls: true });
});

afterAll(async () => {
  await plain.stop();
  await guarded.stop();
});

imagesContract("local store", async () => ({ images: await imagesIn(await scratchFolder()), registry: "local" }));
imagesContract("docker-registry", async () => ({ images: await imagesIn(plain.configHome), registry: plain.host }));
imagesContract("docker-registry with TLS and login", async () => ({ images: await imagesIn(guarded.configHome), registry: guarded.host }));
imagesContract("registry in memory", async () => {
  const { images, registry } = await hostile();
  return { images, registry: registry.host };
});
imagesContract("fake of the lifecycle tests", () => Promise.resolve({ images: new MemoryImages(), registry: "registry.example.com" }));
