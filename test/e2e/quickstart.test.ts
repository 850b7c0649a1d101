/** The whole scene of examples/quickstart, for real; each test goes on where the one before stopped. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  bringsBackAKilledMachine,
  changesNothing,
  comesUp,
  goesThroughAgain,
  leavesNothingBehind,
  previewsTheChange,
  stopsAtTheCanary,
  swapsOneByOne,
} from "./scene-steps.ts";
import { openScene, type Scene } from "./scene.ts";

let root = "";
let scene: Scene;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "bootable-scene-"));
  scene = await openScene({ root, baseTar: process.env["BOOTABLE_BASE_TAR"] ?? "" });
});

afterAll(async () => {
  // A scene that broke half way must not leave machines behind.
  await scene.pulumi("destroy", "--yes");
  await scene.close();
  await rm(root, { recursive: true, force: true });
});

test("version 1 comes up", async () => {
  expect(await comesUp(scene)).toBe("kiosk-1 and kiosk-2 serve version 1");
});

test("a second up changes nothing", async () => {
  expect(await changesNothing(scene)).toBe("nothing changed, nothing was touched");
});

test("a preview names the changed file and the order of the machines, and changes nothing", async () => {
  expect(await previewsTheChange(scene)).toMatch(/changed nothing$/);
});

test("up swaps one machine after the other, with never more than one down", async () => {
  expect(await swapsOneByOne(scene)).toMatch(/never more than 1 was down$/);
});

test("a broken version stops at the canary and is taken back", async () => {
  expect(await stopsAtTheCanary(scene)).toMatch(/kiosk-2 was left alone$/);
});

test("the next good version goes through", async () => {
  expect(await goesThroughAgain(scene)).toBe("version 4 went through");
});

test("a machine killed by hand is drift, and is started again", async () => {
  expect(await bringsBackAKilledMachine(scene)).toBe("a killed machine was seen by preview and started by up");
});

test("destroy leaves nothing behind", async () => {
  expect(await leavesNothingBehind(scene)).toBe("destroy left no process and no file but caches and the image store");
});
