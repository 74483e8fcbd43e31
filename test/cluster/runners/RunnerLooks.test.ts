/**
 * Who counts as dead, look by look.
 * Guards whose removal turns this file red: the second look, that looks in quick succession are one which sees what any of
 * them saw, that nobody is missed at the first look nor in the grace after a pause.
 */
import { assert, describe, it } from "@effect/vitest"
import { RunnerLooks } from "../../../src/cluster/runners/RunnerLooks.ts"

const both = new Set([1, 2])
const first = new Set([1])

describe("the looks at the runners' locks", () => {
  it("miss a runner in the second look that does not see it, a beat after the first", () => {
    const looks = new RunnerLooks()
    looks.add(both, 0)
    looks.add(first, 250)
    assert.isTrue(looks.isAlive(2))
    looks.add(first, 500)
    assert.isFalse(looks.isAlive(2))
    assert.isTrue(looks.isAlive(1))
  })

  it("count looks in quick succession as one", () => {
    const looks = new RunnerLooks()
    looks.add(both, 0)
    looks.add(first, 250)
    for (let at = 251; at < 450; at++) looks.add(first, at)
    assert.isTrue(looks.isAlive(2))
    looks.add(first, 460)
    assert.isFalse(looks.isAlive(2))
  })

  it("see whom any look of a quick succession saw", () => {
    const looks = new RunnerLooks()
    looks.add(first, 0)
    looks.add(both, 250)
    looks.add(first, 300)
    assert.isTrue(looks.isAlive(2))
    looks.add(first, 500)
    assert.isTrue(looks.isAlive(2))
    looks.add(first, 750)
    assert.isFalse(looks.isAlive(2))
  })

  it("see a runner again at once, and miss nobody at the first look", () => {
    const looks = new RunnerLooks()
    assert.isTrue(looks.isAlive(2))
    looks.add(first, 0)
    assert.isTrue(looks.isAlive(2))
    looks.add(first, 250)
    assert.isFalse(looks.isAlive(2))
    looks.add(both, 500)
    assert.isTrue(looks.isAlive(2))
  })

  it("miss nobody for three seconds after they saw nothing", () => {
    const looks = new RunnerLooks()
    looks.add(both, 0)
    looks.add(both, 250)
    looks.pause()
    for (let at = 10_000; at < 13_000; at += 250) looks.add(first, at)
    assert.isTrue(looks.isAlive(2))
    looks.add(first, 13_000)
    looks.add(first, 13_250)
    assert.isFalse(looks.isAlive(2))
  })
})
