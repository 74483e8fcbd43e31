/**
 * A gate whose writes are refused, and one with a scan that cannot be written.
 * Guards whose removal turns this file red: the repetition of a round, its bound, the wait of the other gates, a batch
 * without lines that writes nothing, the isolation of a bad scan, the outage rule.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Logger } from "effect"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import type { Verdict } from "../../rpc/Scan.ts"
import type { Writes } from "../../src/gate/Batch.ts"
import * as Gatekeeper from "../../src/gate/Gatekeeper.ts"
import type { Snapshot } from "../../src/gate/GateState.ts"
import { ScanStore } from "../../src/gate/ScanStore.ts"
import { scanOf } from "../support/GateFixture.ts"

const nothing: Snapshot = { event: null, inside: 0, tickets: [], given: [] }

const gateOf = (store: ScanStore["Service"]) =>
  Effect.provideService(Gatekeeper.make(1), ScanStore, ScanStore.of(store))

/** A store that refuses the first writes. */
const refusing = (refusals: number) => {
  const log: Array<string> = []
  const gate = gateOf({
    load: () => Effect.sync(() => (log.push("load"), nothing)),
    commit: () =>
      Effect.sync(() => (log.push("commit"), log.filter((entry) => entry === "commit").length > refusals)),
    admitFresh: () => Effect.succeed(new Map()),
    alone: (_, round) => Effect.andThen(Effect.sync(() => void log.push("alone")), round)
  })
  return { log, admit: Effect.flatMap(gate, ({ admit }) => admit([scanOf(1, "TKT-001-ABC123")])) }
}

/** A store that dies as told, and remembers how many lines each write has. */
const failing = (defect: (codes: ReadonlyArray<string | null>) => unknown) => {
  const written: Array<number> = []
  const commit = (_: number, { lines }: Writes) =>
    Effect.suspend(() => {
      written.push(lines.length)
      const reason = defect(lines.map(({ scan }) => scan.ticketCode))
      return reason === undefined ? Effect.succeed(true) : Effect.die(reason)
    })
  return {
    written,
    gate: gateOf({
      load: () => Effect.succeed(nothing),
      commit,
      admitFresh: () => Effect.succeed(new Map()),
      alone: (_, round) => round
    })
  }
}

const outage = new SqlError({ reason: new ConnectionError({ cause: new Error("away"), message: "away" }) })

const scans = ["ONE", "TWO", "BAD", "FOUR"].map((code) => scanOf(1, code))

const said = (verdicts: ReadonlyArray<Verdict | null>) => verdicts.map((verdict) => verdict?.scan_id ?? null)

describe("a gatekeeper", () => {
  it.effect("reads and decides again when a write was refused", () =>
    Effect.gen(function* () {
      const { admit, log } = refusing(2)
      assert.lengthOf(yield* admit, 1)
      assert.deepStrictEqual(log, ["load", "commit", "load", "commit", "load", "commit"])
    }))

  it.effect("makes the other gates wait after three refusals", () =>
    Effect.gen(function* () {
      const { admit, log } = refusing(3)
      assert.lengthOf(yield* admit, 1)
      assert.deepStrictEqual(log.slice(-3), ["alone", "load", "commit"])
    }))

  it.effect("gives up after ten rounds", () =>
    Effect.gen(function* () {
      const { admit, log } = refusing(1_000)
      const exit = yield* Effect.exit(admit)
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof Gatekeeper.GateContended)
      assert.lengthOf(log.filter((entry) => entry === "commit"), 10)
    }))

  it.effect("writes nothing for scans that were all answered before", () =>
    Effect.gen(function* () {
      const { gate, written } = failing(() => undefined)
      const [first] = yield* (yield* gate).admit([scans[0]!])
      const repeating = yield* gateOf({
        load: () =>
          Effect.succeed({
            ...nothing,
            given: [{ verdict: first!, deviceId: scans[0]!.deviceId, annulled: false }]
          }),
        commit: () => Effect.die("nothing is to be written"),
        admitFresh: () => Effect.succeed(new Map()),
        alone: (_, round) => round
      })
      assert.deepStrictEqual(yield* repeating.admit([scans[0]!]), [first!])
      assert.deepStrictEqual(written, [1])
    }))

  it.effect("answers every scan of a batch but the one that cannot be decided, and logs why", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const { gate, written } = failing((codes) => codes.includes("BAD") ? new Error("bad") : undefined)
      const { admitEach } = yield* gate
      const verdicts = yield* Effect.provide(
        admitEach(scans),
        Logger.layer([Logger.make(({ message }) => void logged.push(message))])
      )
      assert.deepStrictEqual(
        said(verdicts),
        scans.map(({ scanId, ticketCode }) => ticketCode === "BAD" ? null : scanId)
      )
      assert.deepStrictEqual(written, [4, 1, 1, 1, 1])
      assert.lengthOf(logged, 1)
      assert.deepStrictEqual(said(yield* admitEach([scans[0]!])), [scans[0]!.scanId])
    }))

  it.effect("fails a batch at once while the database is away, and goes on when it is back", () =>
    Effect.gen(function* () {
      let away = true
      const { gate, written } = failing(() => away ? outage : undefined)
      const { admitEach } = yield* gate
      assert.strictEqual((yield* Effect.flip(admitEach(scans)))._tag, "GateAway")
      assert.deepStrictEqual(written, [4])
      away = false
      assert.deepStrictEqual(said(yield* admitEach(scans)), scans.map(({ scanId }) => scanId))
    }))

  it.effect("fails the rest of a batch when the database goes away while its scans are tried one by one", () =>
    Effect.gen(function* () {
      const { gate, written } = failing((codes) =>
        codes.length > 1 ? new Error("one is bad") : codes.includes("TWO") ? outage : undefined
      )
      const { admitEach } = yield* gate
      assert.strictEqual((yield* Effect.flip(admitEach(scans)))._tag, "GateAway")
      assert.deepStrictEqual(written, [4, 1, 1])
    }))
})
