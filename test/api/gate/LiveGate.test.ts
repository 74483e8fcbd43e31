/**
 * A gate watched live, on a clock of its own.
 * Guards whose removal turns this file red: the rest between looks and its absence behind, both intervals of the gate,
 * what makes it differ, the place after a full look, the filter by gate, the seats, the shared look, the end.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Option, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { GateScan, GateView } from "../../../rpc/Gate.ts"
import { usualRules } from "../../../rpc/Scan.ts"
import { LiveGate, seats, type Sight, watch } from "../../../src/api/gate/LiveGate.ts"
import { GateStore, lookLimit } from "../../../src/store/gate/GateStore.ts"

const epoch = DateTime.makeUnsafe(0)

const scanOf = (seq: number): GateScan => ({
  seq,
  scan_id: `scan-${seq}`,
  gate: seq % 2 === 0 ? "A" : "B",
  direction: "entry",
  result: "valid",
  signals: [],
  ticket_id: seq,
  device_id: "scanner-1",
  source: "client",
  device_time: null,
  received_at: epoch,
  annulled_at: null
})

const none = { refused: { total: 0, by_reason: {} }, annulled: 0 }
const zeros = { entered: [], exited: [], refused: [] }

/** A gate in memory: scans 1, 2, 3… each of which lets someone in, and a count of the looks. */
const gate = () => {
  const state = { scans: 0, annulled: 0, looks: 0 }
  const view = (): GateView => ({
    event_id: 1,
    status: "active",
    max_attendees: 1_000,
    inside: state.scans - state.annulled,
    entered: state.scans - state.annulled,
    exited: 0,
    refused: none.refused,
    annulled: state.annulled,
    gates: [{ gate: "A", entered: 0, exited: 0, ...none }, { gate: "B", entered: 0, exited: 0, ...none }],
    rate: {
      entered_last_minute: 0,
      exited_last_minute: 0,
      refused_last_minute: 0,
      per_minute: { from: epoch, ...zeros }
    },
    as_of: epoch,
    last_seq: state.scans
  })
  const look = (after: number | null) =>
    Effect.sync(() => {
      state.looks++
      const missed = Math.min(lookLimit, after === null ? 0 : Math.max(0, state.scans - after))
      const scans = Array.from({ length: missed }, (_, at) => scanOf((after ?? 0) + at + 1))
      return Option.some({ view: view(), scans })
    })
  return { state, look }
}

/** Lets time pass, and whoever woke come to rest. */
const pass = (millis: number) =>
  Effect.andThen(
    TestClock.adjust(millis),
    Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
  )

/** What a watcher has been sent since it was last asked: ids of scans, and the gate as `gate 3: 3 inside`. */
const open = Effect.fnUntraced(function* (stream: Stream.Stream<Sight>) {
  const sent = yield* Queue.unbounded<string>()
  const watching = yield* Effect.forkScoped(
    Stream.runForEach(
      stream,
      ({ data, event, id }) =>
        Queue.offer(sent, event === "scan" ? String(id) : `gate ${id}: ${data.inside} inside`)
    ).pipe(
      Effect.ensuring(Queue.offer(sent, "end"))
    )
  )
  const after = (millis: number) => Effect.andThen(pass(millis), Queue.clear(sent))
  return { after, watching }
})

const limited = (gates: ReadonlyArray<string>, { data }: Sight) =>
  "gates" in data ? data.gates.map(({ gate }) => gate) : gates.includes(data.gate)

describe("a watcher of a gate", () => {
  it.effect("is shown the gate as it stands, and from there on what is new", () =>
    Effect.gen(function* () {
      const { look, state } = gate()
      state.scans = 3
      const { after } = yield* open(watch(look, null))
      assert.deepStrictEqual(yield* after(0), ["gate 3: 3 inside"])
      state.scans = 5
      assert.deepStrictEqual(yield* after(499), [])
      assert.deepStrictEqual(yield* after(1), ["4", "5"])
      assert.deepStrictEqual(yield* after(500), ["gate 5: 5 inside"])
    }).pipe(Effect.scoped))

  it.effect("who comes back is told what it missed, however much, before the gate", () =>
    Effect.gen(function* () {
      const { look, state } = gate()
      state.scans = 2 * lookLimit + 7
      const missed = state.scans - 3
      const sights = yield* Stream.runCollect(watch(look, 3).pipe(Stream.take(missed + 1)))
      assert.deepStrictEqual(
        sights.map(({ event, id }) => `${event} ${id}`),
        [...Array.from({ length: missed }, (_, at) => `scan ${at + 4}`), `gate ${state.scans}`]
      )
      assert.strictEqual(state.looks, 3)
    }))

  it.effect("who names a scan that is yet to come goes on from the latest", () =>
    Effect.gen(function* () {
      const { look, state } = gate()
      state.scans = 2
      const { after } = yield* open(watch(look, 999))
      assert.deepStrictEqual(yield* after(0), ["gate 2: 2 inside"])
      state.scans = 3
      assert.deepStrictEqual(yield* after(1_000), ["3", "gate 3: 3 inside"])
    }).pipe(Effect.scoped))

  it.effect("is shown the gate once a second while it changes, and every 15 seconds when it does not", () =>
    Effect.gen(function* () {
      const { look, state } = gate()
      const { after } = yield* open(watch(look, null))
      yield* after(0)
      for (let second = 1; second <= 3; second++) {
        state.scans++
        assert.deepStrictEqual(yield* after(500), [String(2 * second - 1)])
        state.scans++
        const [scan, ...rest] = yield* after(500)
        assert.deepStrictEqual([scan, ...rest], [
          String(2 * second),
          `gate ${2 * second}: ${2 * second} inside`
        ])
      }
      assert.deepStrictEqual(yield* after(14_500), [])
      assert.deepStrictEqual(yield* after(500), ["gate 6: 6 inside"])
      assert.deepStrictEqual(yield* after(15_000), ["gate 6: 6 inside"])
    }).pipe(Effect.scoped))

  it.effect("is shown the gate after an annulment, which is no scan", () =>
    Effect.gen(function* () {
      const { look, state } = gate()
      state.scans = 4
      const { after } = yield* open(watch(look, null))
      yield* after(0)
      state.annulled = 1
      assert.deepStrictEqual(yield* after(1_000), ["gate 4: 3 inside"])
    }).pipe(Effect.scoped))

  it.effect("who is limited to gates sees these, and the totals", () =>
    Effect.gen(function* () {
      const { look, state } = gate()
      state.scans = 6
      const stream = watch(look, 1, ["B", "C"]).pipe(Stream.take(3))
      const sights = yield* Stream.runCollect(stream)
      assert.deepStrictEqual(sights.map(({ id }) => id), [3, 5, 6])
      assert.deepStrictEqual(sights.map((sight) => limited(["B"], sight)), [true, true, ["B"]])
      assert.deepInclude(sights[2]!.data, { inside: 6, entered: 6 })
    }))

  it.effect("is sent away after a quarter of an hour, and at once when there is no such event", () =>
    Effect.gen(function* () {
      const { look, state } = gate()
      const { after } = yield* open(watch(look, null))
      assert.notInclude(yield* after(899_999), "end")
      assert.strictEqual((yield* after(1)).at(-1), "end")
      const { looks } = state
      yield* after(60_000)
      assert.strictEqual(state.looks, looks)
      const nothing = yield* open(watch(() => Effect.succeed(Option.none()), null))
      assert.deepStrictEqual(yield* nothing.after(0), ["end"])
    }).pipe(Effect.scoped))
})

const house = () => {
  const { look, state } = gate()
  const store = GateStore.of({
    look: (_, after) => look(after),
    rules: () => Effect.succeed(Option.some(usualRules))
  })
  return { state, layer: LiveGate.layer.pipe(Layer.provide(Layer.succeed(GateStore, store))) }
}

/** Someone who watches until their scope closes. */
const enter = Effect.fnUntraced(function* (eventId = 1) {
  const live = yield* LiveGate
  const scope = yield* Scope.make()
  const stream = yield* Effect.exit(Scope.provide(live.watch(eventId, null, undefined), scope))
  if (Exit.isSuccess(stream)) yield* Effect.forkIn(Stream.runDrain(stream.value), scope)
  return { came: Exit.isSuccess(stream), leave: Scope.close(scope, Exit.void), stream }
})

/** Twenty rests, one by one: whoever wakes has looked before the next. */
const rounds = Effect.forEach(Array.from({ length: 20 }), () => pass(500), { discard: true })

describe("the watchers of one process", () => {
  it.effect("are fifty an event: one more is told when to ask again, and comes in when one leaves", () => {
    const { layer } = house()
    return Effect.gen(function* () {
      const first = yield* enter()
      const others = yield* Effect.forEach(Array.from({ length: seats - 1 }), () => enter())
      const refused = yield* Effect.flip((yield* enter()).stream)
      assert.deepInclude(refused, { _tag: "TooManyRequests", retry_after: 15 })
      const elsewhere = yield* enter(2)
      assert.isTrue(elsewhere.came)
      yield* first.leave
      const next = yield* enter()
      assert.isTrue(next.came)
      assert.isFalse((yield* enter()).came)
      yield* Effect.forEach([...others, elsewhere, next], ({ leave }) => leave)
    }).pipe(Effect.provide(layer))
  })

  it.effect("share their looks, and look no more when they are gone", () => {
    const { layer, state } = house()
    return Effect.gen(function* () {
      const watchers = yield* Effect.forEach(Array.from({ length: seats }), () => enter())
      yield* pass(0)
      yield* rounds
      assert.strictEqual(state.looks, 21)
      yield* Effect.forEach(watchers, ({ leave }) => leave)
      yield* rounds
      assert.strictEqual(state.looks, 21)
    }).pipe(Effect.provide(layer))
  })
})
