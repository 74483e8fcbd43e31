/**
 * A gate whose writes are refused.
 * Guards whose removal turns this file red: the repetition of a round, its bound, the wait of the other gates.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import * as Gatekeeper from "../../src/gate/Gatekeeper.ts"
import type { Snapshot } from "../../src/gate/GateState.ts"
import { ScanStore } from "../../src/store/ScanStore.ts"
import { scanOf } from "../support/GateFixture.ts"

const nothing: Snapshot = { event: null, inside: 0, tickets: [], verdicts: [] }

/** A store that refuses the first writes. */
const refusing = (refusals: number) => {
  const log: Array<string> = []
  const store = ScanStore.of({
    load: () => Effect.sync(() => (log.push("load"), nothing)),
    commit: () =>
      Effect.sync(() => (log.push("commit"), log.filter((entry) => entry === "commit").length > refusals)),
    alone: (_, round) => Effect.andThen(Effect.sync(() => void log.push("alone")), round)
  })
  const gate = Effect.provideService(Gatekeeper.make(1), ScanStore, store)
  return { log, admit: Effect.flatMap(gate, ({ admit }) => admit([scanOf(1, "TKT-001-ABC123")])) }
}

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
})
