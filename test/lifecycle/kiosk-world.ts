/** The world of a MachineGroup named kiosk, and three images for it. */
import { describeFailure } from "../../provider/failure.ts";
import type { Digest } from "../../provider/model/digest.ts";
import { machineGroup } from "../../provider/resources/machine-group.ts";
import type { Clock } from "../../provider/rollout/clock.ts";
import type { ValueMap } from "../../provider/spec/value.ts";
import { fakeDisks } from "../fakes/disks.ts";
import { Effects } from "../fakes/effects.ts";
import { fakeImages } from "../fakes/images.ts";
import { FakeMachines } from "../fakes/machines.ts";
import { Lifecycle, type Run } from "./harness.ts";

export const digest = (start: string): Digest => `sha256:${start}${"0".repeat(64 - start.length)}`;
export const [v1, v2, v3] = [digest("1111aaaa0001"), digest("2222bbbb0002"), digest("3333cccc0003")];

/** An hour of baking takes no time. */
const clock: Clock = {
  now: () => Date.parse("2026-11-22T12:00:00Z"),
  sleep: () => Promise.resolve(),
};

export function world() {
  const effects = new Effects();
  const machines = new FakeMachines(effects);
  const images = fakeImages([v1, v2, v3]);
  const disks = fakeDisks(effects);
  const surroundings = { offline: false };
  const ports = { images, disks, machines, clock, offline: () => surroundings.offline };
  const kiosk = new Lifecycle(machineGroup(ports), { name: "kiosk", effects });
  return { effects, machines, images, disks, surroundings, kiosk };
}

export function program(image: Digest, rest: ValueMap = {}): ValueMap {
  return { image: `local/web@${image}`, machines: ["kiosk-1", "kiosk-2"], ports: { 80: {} }, ...rest };
}

export function told(run: Run): string {
  return run.failure === undefined ? "" : describeFailure(run.failure);
}
