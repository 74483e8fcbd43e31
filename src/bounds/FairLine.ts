/** A line in which callers take turns: who has many waiting is asked as often as who has one. */

/** What waits, by caller; the caller whose turn is next comes first. */
export class FairLine<A> {
  readonly #waiting = new Map<string, Array<A>>()
  #size = 0

  /** How many wait, of all callers. */
  get size(): number {
    return this.#size
  }

  /** How many of this caller wait. */
  sizeOf(caller: string): number {
    return this.#waiting.get(caller)?.length ?? 0
  }

  /** Puts one at the end of its caller's line. */
  put(caller: string, one: A): void {
    const own = this.#waiting.get(caller)
    if (own === undefined) this.#waiting.set(caller, [one])
    else own.push(one)
    this.#size++
  }

  /** The first of the caller whose turn it is, and whose it is; that caller goes to the end. */
  next(): { readonly caller: string; readonly one: A } | undefined {
    for (const [caller, own] of this.#waiting) {
      this.#waiting.delete(caller)
      const one = own.shift()!
      if (own.length > 0) this.#waiting.set(caller, own)
      this.#size--
      return { caller, one }
    }
    return undefined
  }
}
