/** A world that can be watched and broken off: every effect of the fakes is counted, and after any of them the provider may die. */

/** The death of the provider's process (kill -9): whoever called gets no answer. */
export class Crash extends Error {}

export class Effects {
  readonly log: string[] = [];
  onEffect: () => void = () => {};
  #crashAfter = Infinity;
  #dead = false;

  get dead(): boolean {
    return this.#dead;
  }

  /** To be called before anything is looked at or changed: a dead process does neither. */
  live(): void {
    if (this.#dead) throw new Crash();
  }

  /** To be called once an effect has taken place. */
  happened(effect: string): void {
    this.log.push(effect);
    this.onEffect();
    if (this.log.length < this.#crashAfter) return;
    this.#dead = true;
    throw new Crash();
  }

  /** The process dies when `effects` more effects have taken place. */
  crashAfter(effects: number): void {
    this.#crashAfter = this.log.length + effects;
  }

  /** A new process, in the same world. */
  revive(): void {
    this.#dead = false;
    this.#crashAfter = Infinity;
  }

  /** Effects since the last call. */
  take(): string[] {
    return this.log.splice(0);
  }
}
