/**
 * The more urgent work gets the next place, and no owner has all of them. Guards whose removal turns this file red: the
 * order of priorities, the owner who would have all, the owner with the fewest, the most of one owner, the bound of those
 * who wait, the place given back, the place left aside and taken again, the interruption that leaves the line.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch } from "effect"
import type { Priority } from "../../rpc/TicketJob.ts"
import * as FairPlaces from "../../src/durable/FairPlaces.ts"

/** Places of one owner. */
const alone = (places: number) => {
  const through = FairPlaces.make({ places })
  return <A, E, R>(priority: Priority, work: Effect.Effect<A, E, R>) =>
    through({ owner: "alice", priority }, work)
}

/** Takes a place for each of these, in this order, ends them as they come, and says in which order they had one. */
const turns = Effect.fnUntraced(function* (
  options: FairPlaces.FairPlacesOptions,
  asked: ReadonlyArray<readonly [owner: string, priority: Priority]>
) {
  const through = FairPlaces.make(options)
  const begun: Array<string> = []
  const ends = asked.map(() => Latch.makeUnsafe(false))
  const fibers = yield* Effect.forEach(asked, ([owner, priority], at) =>
    Effect.forkChild(
      through(
        { owner, priority },
        Effect.suspend(() => {
          begun.push(`${owner} ${at}`)
          return ends[at]!.await
        })
      ),
      { startImmediately: true }
    ))
  const atOnce = begun.length
  for (let ended = 0; ended < asked.length; ended++) {
    yield* ends[Number(begun[ended]!.split(" ")[1])]!.open
    while (begun.length < Math.min(asked.length, atOnce + ended + 1)) yield* Effect.yieldNow
  }
  yield* Effect.forEach(fibers, Fiber.join)
  return begun
})

describe("places", () => {
  it.effect("lets the urgent go first, then those who came first", () =>
    Effect.gen(function* () {
      const through = alone(1)
      const opened = Latch.makeUnsafe(false)
      const order: Array<string> = []
      const enter = (priority: Priority, name: string) =>
        Effect.forkChild(
          through(priority, Effect.andThen(opened.await, Effect.sync(() => void order.push(name)))),
          {
            startImmediately: true
          }
        )
      const fibers = [
        yield* enter("low", "first"),
        yield* enter("low", "low 1"),
        yield* enter("normal", "normal"),
        yield* enter("low", "low 2"),
        yield* enter("high", "high")
      ]
      yield* opened.open
      yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(order, ["first", "high", "normal", "low 1", "low 2"])
    }))

  it.effect("gives the place back when work fails, dies or is interrupted", () =>
    Effect.gen(function* () {
      const through = alone(1)
      yield* Effect.exit(through("high", Effect.fail("no")))
      yield* Effect.exit(through("high", Effect.die("no")))
      const stuck = yield* Effect.forkChild(through("high", Effect.never), { startImmediately: true })
      const waiting = yield* Effect.forkChild(through("low", Effect.succeed("in")), {
        startImmediately: true
      })
      yield* Fiber.interrupt(stuck)
      assert.strictEqual(yield* Fiber.join(waiting), "in")
    }))

  it.effect("forgets who is interrupted while waiting, at once", () =>
    Effect.gen(function* () {
      const through = alone(1)
      const opened = Latch.makeUnsafe(false)
      const first = yield* Effect.forkChild(through("low", opened.await), { startImmediately: true })
      const left = yield* Effect.forkChild(through("high", Effect.die("no")), { startImmediately: true })
      const last = yield* Effect.forkChild(through("low", Effect.succeed("in")), { startImmediately: true })
      yield* Fiber.interrupt(left)
      yield* opened.open
      yield* Fiber.join(first)
      assert.strictEqual(yield* Fiber.join(last), "in")
    }))

  it.effect("passes a place on whose owner is interrupted as it is given", () =>
    Effect.gen(function* () {
      for (let yields = 0; yields < 6; yields++) {
        const through = alone(1)
        const opened = Latch.makeUnsafe(false)
        const first = yield* Effect.forkChild(through("low", opened.await), { startImmediately: true })
        const second = yield* Effect.forkChild(through("high", Effect.never), { startImmediately: true })
        yield* opened.open
        for (let at = 0; at < yields; at++) yield* Effect.yieldNow
        yield* Fiber.interrupt(second)
        yield* Fiber.join(first)
        assert.strictEqual(yield* through("low", Effect.succeed("in")), "in")
      }
    }))

  it.effect("is another's while its work waits for somebody else, and taken again before that goes on", () =>
    Effect.gen(function* () {
      const inTurn = alone(1)
      const [away, second] = [Latch.makeUnsafe(false), Latch.makeUnsafe(false)]
      const seen: Array<string> = []
      const note = (what: string) => Effect.sync(() => void seen.push(what))
      const first = yield* Effect.forkChild(
        inTurn("normal", FairPlaces.aside(away.await).pipe(Effect.andThen(note("first goes on")))),
        { startImmediately: true }
      )
      const other = yield* Effect.forkChild(
        inTurn("normal", Effect.andThen(note("other begins"), second.await)),
        { startImmediately: true }
      )
      yield* away.open
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
      assert.deepStrictEqual(seen, ["other begins"])
      yield* second.open
      yield* Fiber.join(first)
      yield* Fiber.join(other)
      assert.deepStrictEqual(seen, ["other begins", "first goes on"])
      yield* inTurn("normal", note("free again"))
    }))

  it.effect("is nobody's twice when work is interrupted while it is away, also from two sides at once", () =>
    Effect.gen(function* () {
      const inTurn = alone(1)
      const never = Latch.makeUnsafe(false)
      const one = yield* Effect.forkChild(inTurn("normal", FairPlaces.aside(never.await)), {
        startImmediately: true
      })
      yield* Fiber.interrupt(one)
      const both = Effect.all([FairPlaces.aside(Effect.yieldNow), FairPlaces.aside(Effect.yieldNow)], {
        concurrency: 2
      })
      yield* inTurn("normal", both)
      let atOnce = 0
      let most = 0
      const count = Effect.suspend(() => {
        most = Math.max(most, ++atOnce)
        return Effect.yieldNow
      }).pipe(Effect.andThen(Effect.sync(() => void atOnce--)))
      yield* Effect.all([inTurn("normal", count), inTurn("normal", count)], { concurrency: 2 })
      assert.strictEqual(most, 1)
    }))

  it.effect("runs as many at once as it has places", () =>
    Effect.gen(function* () {
      const through = alone(2)
      let [inside, most] = [0, 0]
      const work = Effect.gen(function* () {
        most = Math.max(most, ++inside)
        yield* Effect.yieldNow
        inside--
      })
      yield* Effect.forEach(Array.from({ length: 9 }), () => through("normal", work), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual([inside, most], [0, 2])
    }))

  it.effect("go to the owner with the fewest, and one is kept from whoever would have all", () =>
    Effect.gen(function* () {
      const crowd = Array.from({ length: 6 }, () => ["alice", "normal"] as const)
      assert.deepStrictEqual((yield* turns({ places: 3 }, [...crowd, ["bob", "normal"]]))[3], "bob 6")
      const urgent = Array.from({ length: 6 }, () => ["alice", "high"] as const)
      assert.deepStrictEqual((yield* turns({ places: 3 }, [...urgent, ["bob", "low"]]))[3], "bob 6")
      const three = yield* turns({ places: 5 }, [
        ["alice", "low"],
        ["alice", "low"],
        ["alice", "low"],
        ["bob", "low"],
        ["carol", "low"],
        ["alice", "low"],
        ["carol", "low"]
      ])
      assert.deepStrictEqual(three.slice(5), ["carol 6", "alice 5"])
    }))

  it.effect("of one owner are as many as each may have, while others go by", () =>
    Effect.gen(function* () {
      const through = FairPlaces.make({ places: 2, each: 1 })
      const held = yield* Effect.forkChild(through({ owner: "alice", priority: "high" }, Effect.never), {
        startImmediately: true
      })
      let inside = false
      const second = yield* Effect.forkChild(
        through({ owner: "alice", priority: "high" }, Effect.sync(() => void (inside = true))),
        { startImmediately: true }
      )
      assert.strictEqual(yield* through({ owner: "bob", priority: "low" }, Effect.succeed("in")), "in")
      assert.isFalse(inside)
      yield* Fiber.interrupt(held)
      yield* Fiber.join(second)
      assert.isTrue(inside)
    }))

  it.effect("are refused to an owner of whom enough wait, and to nobody else", () =>
    Effect.gen(function* () {
      const through = FairPlaces.makeBounded({ places: 1, asked: 3 })
      const ask = (owner: string) => through({ owner, priority: "normal" }, Effect.never)
      const fibers = yield* Effect.forEach(
        [1, 2, 3],
        () => Effect.forkChild(ask("alice"), { startImmediately: true })
      )
      assert.strictEqual((yield* Effect.flip(ask("alice")))._tag, "TooManyWait")
      const bob = yield* Effect.forkChild(ask("bob"), { startImmediately: true })
      assert.isUndefined(bob.pollUnsafe())
      yield* Fiber.interruptAll([...fibers, bob])
    }))
})
