/**
 * How long one look at a machine may take. A rollout looks at its machines again and again; each look at one that is
 * mute costs all of the patience, so who did not answer a moment ago is not waited for as long again.
 */
import type { HealthCheck } from "../model/health-check.ts";

const longSeconds = 5;
const shortSeconds = 1;
const rememberedMilliseconds = 30_000;

/** One process of one machine: started again, it is another one. */
export interface Asked {
  readonly folder: string;
  readonly processId: number;
  readonly healthCheck: HealthCheck | undefined;
}

export class Patience {
  readonly #now: () => number;
  /** When it was last asked in vain. */
  readonly #muteAt = new Map<string, number>();

  constructor(now = (): number => performance.now()) {
    this.#now = now;
  }

  secondsFor(asked: Asked): number {
    const muteAt = this.#muteAt.get(keyOf(asked));
    const seconds = muteAt !== undefined && this.#now() - muteAt < rememberedMilliseconds ? shortSeconds : longSeconds;
    return Math.min(seconds, asked.healthCheck?.timeoutSeconds ?? seconds);
  }

  learn(asked: Asked, answered: boolean): void {
    const known = this.#muteAt.get(keyOf(asked));
    if (answered) this.#muteAt.delete(keyOf(asked));
    // Short looks do not prolong it: now and then there is a long one.
    else if (known === undefined || this.#now() - known >= rememberedMilliseconds) this.#muteAt.set(keyOf(asked), this.#now());
  }
}

function keyOf({ folder, processId, healthCheck }: Asked): string {
  return JSON.stringify([folder, processId, healthCheck]);
}
