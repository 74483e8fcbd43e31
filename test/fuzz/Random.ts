/** Chance that comes back: equal seeds make equal choices (mulberry32). */
export class Random {
  private state: number
  constructor(seed: number) {
    this.state = seed >>> 0
  }

  /** From 0 up to 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0
    let mixed = this.state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 up to `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count)
  }

  /** True as often as this says. */
  chance(probability: number): boolean {
    return this.next() < probability
  }

  /** One of these. */
  pick<A>(choices: readonly [A, ...ReadonlyArray<A>] | ReadonlyArray<A>): A {
    return choices[this.below(choices.length)]!
  }
}
