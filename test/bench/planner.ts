/** How long it takes to plan a rollout over 100,000 hosts; run by node itself. */
import { planRollout } from "../../provider/rollout/plan.ts";
import { renderPlan } from "../../provider/rollout/render.ts";
import { defaultRules, hostFacts, newImage, oldImage } from "../fakes/fleets.ts";

const hosts = Array.from({ length: 100_000 }, (_, index) =>
  hostFacts(`edge-${index}`, {
    labels: { site: `site-${index % 500}` },
    health: index % 50 === 0 ? "unreachable" : index % 31 === 0 ? "unhealthy" : "healthy",
    booted: index % 7 === 0 ? newImage : oldImage,
  }),
);
const rules = { ...defaultRules, canary: 10, maxUnavailable: "10%", perLabel: { site: 20 } };

function milliseconds(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

const runs = Array.from({ length: 7 }, () => milliseconds(() => void renderPlan(planRollout({ hosts, target: newImage, rules }))));
const median = runs.sort((a, b) => a - b)[3] ?? Number.NaN;
console.log(`plan and render 100,000 hosts: ${median.toFixed(0)} ms`);
