/** Who holds a runner's lock, as last seen. Whoever is missing in two looks, a beat apart, is dead. */

/** Two looks closer than this count as one, in milliseconds. */
const apart = 200

/**
 * After a restart of PostgreSQL all runners take their locks again, each in its own time: for so long after this one did,
 * nobody is missed. In milliseconds.
 */
const grace = 3_000

interface Look {
  readonly at: number
  readonly alive: ReadonlySet<number>
}

export class RunnerLooks {
  private before: Look | undefined
  private last: Look | undefined
  private isPaused = false
  private missedFrom = Number.NEGATIVE_INFINITY

  /** This process saw nothing for a while: `grace` begins with the next look. */
  pause(): void {
    this.isPaused = true
  }

  /** `at` is of `performance.now()`. */
  add(alive: ReadonlySet<number>, at: number): void {
    if (this.isPaused) {
      this.isPaused = false
      this.missedFrom = at + grace
    }
    const { last } = this
    if (last === undefined) {
      this.last = { at, alive }
    } else if (at < this.missedFrom || at - last.at < apart) {
      this.last = { at: last.at, alive: last.alive.union(alive) }
    } else {
      this.before = last
      this.last = { at, alive }
    }
  }

  isAlive(id: number): boolean {
    return this.before === undefined || this.last === undefined || this.before.alive.has(id) ||
      this.last.alive.has(id)
  }
}
