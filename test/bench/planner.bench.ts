/** How long it takes to plan a rollout over 100,000 hosts. */
import { planRollout } from "../../provider/rollout/plan.ts";
import { renderPlan } from "../../provider/rollout/render.ts";
import { defaultRules, hostFacts, newImage, oldImage } from "../fakes/fleets.ts";
import { inTurns, secondsOf } from "./measure.ts";
import { formatRow } from "./table.ts";

const hosts = Array.from({ length: 100_000 }, (_, index) =>
  hostFacts(`edge-${index}`, {
    labels: { site: `site-${index % 500}` },
    health: index % 50 === 0 ? "unreachable" : index % 31 === 0 ? "unhealthy" : "healthy",
    booted: index % 7 === 0 ? newImage : oldImage,
  }),
);
const rules = { ...defaultRules, canary: 10, maxUnavailable: "10%", perLabel: { site: 20 } };

const took = await inTurns(7, { plan: () => secondsOf(() => renderPlan(planRollout({ hosts, target: newImage, rules }))) });
console.log(formatRow({ what: "plan and render a rollout over 100,000 hosts", ours: took.plan }));
