/**
 * Token buckets in memory against their definition: what was taken in any stretch of time is at most the burst and what
 * that time refilled. Guards whose removal turns this file red: the refill by the clock, the burst as the most, the
 * refusal that takes nothing, the bound on keys, the clock that runs backwards.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { LocalBuckets } from "../../src/limits/LocalBuckets.ts"

const rate = { perSecond: 10, burst: 5 }

/** What becomes of requests after these pauses. */
const played = (pauses: ReadonlyArray<number>) => {
  let now = 0
  const buckets = new LocalBuckets(() => now)
  return pauses.map((pause) => {
    now += pause
    return { at: now, ...buckets.take("one", rate) }
  })
}

describe("a bucket", () => {
  it("gives a burst, then as many as the time refills, and says when to come back", () => {
    const answers = played([0, 0, 0, 0, 0, 0, 99, 1, 0, 500, 0, 0, 0, 0, 0])
    assert.deepStrictEqual(
      answers.map(({ allowed }) => allowed),
      [true, true, true, true, true, false, false, true, false, true, true, true, true, true, false]
    )
    assert.deepInclude(answers[0], { remaining: 4, waitMillis: 0, fullMillis: 100 })
    assert.deepInclude(answers[5], { remaining: 0, waitMillis: 100, fullMillis: 500 })
  })

  it("allows in no stretch of time more than the burst and its refill, and never less", () => {
    fc.assert(fc.property(fc.array(fc.nat(400), { maxLength: 60 }), (pauses) => {
      const answers = played(pauses)
      const taken = answers.filter(({ allowed }) => allowed).map(({ at }) => at)
      for (const [from, begin] of taken.entries()) {
        for (const [to, end] of taken.entries()) {
          if (to < from) continue
          assert.isAtMost(to - from + 1, rate.burst + (end - begin) * rate.perSecond / 1_000 + 1e-6)
        }
      }
      for (const { allowed, remaining, waitMillis } of answers) {
        if (!allowed) assert.isAbove(waitMillis, 0)
        assert.isAtLeast(remaining, 0)
        assert.isAtMost(remaining, rate.burst)
      }
    }))
  })

  it("waits out a clock that runs backwards", () => {
    assert.deepStrictEqual(
      played([1_000, -900, 0, 0, 0, 0]).map(({ allowed }) => allowed),
      [true, true, true, true, true, false]
    )
  })

  it("takes back what should not have been counted", () => {
    const buckets = new LocalBuckets(() => 0)
    for (let n = 0; n < 5; n++) buckets.take("one", rate)
    buckets.giveBack("one")
    assert.deepStrictEqual([1, 2].map(() => buckets.take("one", rate).allowed), [true, false])
  })

  it("is forgotten when 50,000 others came after it, and no sooner", () => {
    const buckets = new LocalBuckets(() => 0)
    for (let n = 0; n < 5; n++) buckets.take("first", rate)
    for (let n = 0; n < 49_999; n++) buckets.take(`other ${n}`, rate)
    assert.isFalse(buckets.take("first", rate).allowed)
    for (let n = 0; n < 200_000; n++) buckets.take(`more ${n}`, rate)
    assert.isAtMost(buckets.size, 50_000)
    assert.isAtLeast(buckets.size, 45_000)
    assert.isTrue(buckets.take("first", rate).allowed)
  })
})
