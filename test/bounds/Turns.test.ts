/**
 * What one caller sends holds neither a gate nor another caller, however much it is: the line of a process on a loop that
 * the test plays, with work of every length from seeded chance.
 * Guards whose removal turns this file red: the turn of the next caller, the free loop after a piece, its longer one
 * after who is refused often, the gate's own line, the doubt about who is refused often, the longest wait, both bounds of
 * what waits, the bound of who is remembered.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Loop, Turns } from "../../src/bounds/OneATurn.ts"
import { Refusals } from "../../src/bounds/Refusals.ts"
import { saysGate } from "../../src/FastPath.ts"
import { routes } from "../fuzz/Contract.ts"
import { Random } from "../fuzz/Random.ts"

/** A loop whose time passes only with the work that is played on it, and while it waits for a timer. */
class PlayedLoop implements Loop {
  time = 0
  /** What one turn costs beside the work of the line. */
  rest = () => 0
  #next: Array<() => void> = []
  #timers: Array<{ readonly due: number; readonly run: () => void }> = []

  readonly now = () => this.time
  readonly soon = (run: () => void) => void this.#next.push(run)
  readonly later = (run: () => void, millis: number) =>
    void this.#timers.push({ due: this.time + millis, run })

  /** One turn: timers that are due, then what was to run in it. False when nothing is left to do. */
  turn(): boolean {
    const first = this.#timers.toSorted((one, other) => one.due - other.due)[0]
    if (first === undefined && this.#next.length === 0) return false
    if (this.#next.length === 0) this.time = Math.max(this.time, first!.due)
    this.time += this.rest()
    const due = this.#timers.filter(({ due }) => due <= this.time)
    this.#timers = this.#timers.filter(({ due }) => due > this.time)
    for (const { run } of due) run()
    const now = this.#next
    this.#next = []
    for (const run of now) run()
    return true
  }

  /** Turns until nothing is left to do; fails where that is never. */
  end(): void {
    for (let turns = 0; this.turn(); turns++) assert.isBelow(turns, 100_000)
  }
}

const failed = (fault: unknown) => {
  throw fault
}

/** A piece of work as it began. */
interface Begun {
  readonly caller: string
  readonly at: number
  readonly ended: number
}

const played = () => {
  const loop = new PlayedLoop()
  const turns = new Turns(loop)
  const begun: Array<Begun> = []
  const enter = (caller: string, millis = 0, isGate = false) =>
    turns.enter(
      () => {
        const at = loop.time
        loop.time += millis
        begun.push({ caller, at, ended: loop.time })
      },
      failed,
      { caller, isGate }
    )
  return { loop, turns, begun, enter }
}

const callersOf = (begun: ReadonlyArray<Begun>) => begun.map(({ caller }) => caller).join(" ")

const seeds = Array.from({ length: 200 }, (_, at) => at + 1)

describe("the line of a process", () => {
  it("asks each caller in turn, however many of one wait", () => {
    const { begun, enter, loop } = played()
    for (let at = 0; at < 32; at++) enter("mallory")
    enter("bob")
    enter("carol")
    enter("bob")
    loop.end()
    assert.isTrue(
      callersOf(begun).startsWith("mallory bob carol mallory bob mallory mallory"),
      callersOf(begun)
    )
    assert.lengthOf(begun, 35)
  })

  it("lets one begin in each turn where no gate is in use", () => {
    const { begun, enter, loop } = played()
    for (let at = 0; at < 10; at++) enter("mallory", 5)
    for (let turn = 1; turn <= 10; turn++) {
      loop.turn()
      assert.lengthOf(begun, turn)
    }
    assert.strictEqual(loop.time, 50)
  })

  it("leaves the loop free after each piece while a gate is in use, and lets nobody wait for ever", () => {
    for (const seed of seeds) {
      const random = new Random(seed)
      const { begun, enter, loop, turns } = played()
      loop.rest = () => random.chance(0.2) ? random.next() * 60 : random.next()
      const callers = Array.from({ length: 1 + random.below(5) }, (_, at) => `caller ${at}`)
      for (let at = 0; at < 60; at++) enter(random.pick(callers), random.next() * 20)
      turns.scanned()
      while (begun.length < 60) {
        turns.scanned()
        assert.isTrue(loop.turn(), `seed ${seed}: ${begun.length} of 60 began`)
      }
      for (const [at, one] of begun.slice(1).entries()) {
        const before = begun[at]!
        assert.isAtLeast(one.at - before.ended, 2, `seed ${seed}: piece ${at + 1} came at once`)
        // Two timers and a turn of each, of which the last may have been long.
        assert.isAtMost(one.at - before.ended, 25 + 3 * 61, `seed ${seed}: piece ${at + 1} came late`)
      }
    }
  })

  it("waits while timers come late, at most so long", () => {
    const { begun, enter, loop, turns } = played()
    enter("mallory")
    enter("mallory")
    turns.scanned()
    loop.turn()
    loop.rest = () => 6
    loop.end()
    assert.lengthOf(begun, 2)
    assert.isAtLeast(begun[1]!.at, 25)
    assert.isAtMost(begun[1]!.at, 25 + 2 * 6)
  })

  it("begins a gate's piece in the next turn, whatever waits", () => {
    for (const seed of seeds) {
      const random = new Random(seed)
      const { begun, enter, loop, turns } = played()
      for (let at = 0; at < 100; at++) enter(`caller ${random.below(40)}`, random.next() * 10)
      for (let at = 0; at < 20; at++) {
        turns.scanned()
        for (let turn = random.below(4); turn > 0; turn--) loop.turn()
        enter("steward", 0.1, true)
        const before = begun.length
        loop.turn()
        if (begun.at(-1)?.caller !== "steward") loop.turn()
        assert.strictEqual(begun.at(-1)?.caller, "steward", `seed ${seed}`)
        assert.isAtMost(begun.length - before, 2, `seed ${seed}`)
      }
    }
  })

  it("leaves more of the loop free of who sends what is refused, and does not take it for a gate", () => {
    const paceOf = (refusals: number) => {
      const { begun, enter, loop, turns } = played()
      for (let at = 0; at < refusals; at++) turns.refused("mallory")
      for (let at = 0; at < 21; at++) enter("mallory", 0, true)
      for (let at = 0; at < 21; at++) enter("mallory")
      turns.scanned()
      loop.end()
      assert.lengthOf(begun, 42)
      return loop.time
    }
    assert.strictEqual(paceOf(0), 42)
    assert.strictEqual(paceOf(20), 42)
    assert.strictEqual(paceOf(10_000), 42 * 8)
  })

  it("keeps so many of one caller waiting, and so many of all", () => {
    const { begun, enter, loop } = played()
    const taken = Array.from({ length: 300 }, () => enter("mallory"))
    assert.deepStrictEqual([taken.indexOf(false), taken.filter((one) => one).length], [256, 256])
    assert.isTrue(enter("bob"))
    for (let caller = 0; caller < 100; caller++) {
      for (let at = 0; at < 100; at++) enter(`caller ${caller}`)
    }
    loop.end()
    assert.lengthOf(begun, 4_096)
    assert.isTrue(enter("mallory"))
  })
})

describe("refusals", () => {
  it("are forgotten with time, and of a bounded number of callers", () => {
    let now = 0
    const refusals = new Refusals(() => now)
    for (let at = 0; at < 1_000; at++) refusals.add("mallory")
    assert.isTrue(refusals.areMany("mallory"))
    now = 1_900
    assert.isTrue(refusals.areMany("mallory"))
    now = 2_100
    assert.isFalse(refusals.areMany("mallory"))
    for (let caller = 0; caller < 20_000; caller++) refusals.add(`caller ${caller}`)
    assert.strictEqual(refusals.size, 10_000)
    assert.isFalse(refusals.areMany("caller 19999"))
  })
})

describe("what says that it is a gate", () => {
  it("is what the contracts decide scans with, and nothing else", () => {
    const gates = routes.filter(({ method, path }) => saysGate({ method, url: path })).map(({ path }) => path)
    assert.sameMembers(gates, [
      "/api/scans/validate",
      "/api/internal/scan-validation",
      "/api/scans/verify"
    ])
  })
})
