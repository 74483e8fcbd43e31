/** Who sends little but what is refused: remembered for a moment, by caller, in a bounded place. */

/** So many refusals at once are anybody's mistake, and so many a second go on being one. */
const [burst, perSecond] = [20, 10]

/** More callers than this are not remembered: the one that was refused longest ago is forgotten. */
const most = 10_000

interface Count {
  readonly level: number
  readonly at: number
}

/** Counts refusals, which are forgotten with time. */
export class Refusals {
  readonly #counts = new Map<string, Count>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** How many callers are remembered. */
  get size(): number {
    return this.#counts.size
  }

  #levelOf(caller: string): number {
    const count = this.#counts.get(caller)
    if (count === undefined) return 0
    return Math.max(0, count.level - (this.#now() - count.at) * perSecond / 1_000)
  }

  /** A request of the caller was refused. What is above twice the burst is not counted: it passes within seconds. */
  add(caller: string): void {
    const level = Math.min(2 * burst, this.#levelOf(caller) + 1)
    this.#counts.delete(caller)
    this.#counts.set(caller, { level, at: this.#now() })
    if (this.#counts.size <= most) return
    for (const oldest of this.#counts.keys()) {
      this.#counts.delete(oldest)
      return
    }
  }

  /** Whether more of the caller's requests were refused than mistakes explain. */
  areMany(caller: string): boolean {
    return this.#levelOf(caller) > burst
  }
}
