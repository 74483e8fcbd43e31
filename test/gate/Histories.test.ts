/**
 * Random histories of a gate in memory, against the model of `GateModel`.
 * Guards whose removal turns this file red: every check of Decision but the event's and the suspicion's, what a batch
 * remembers of its own scans and of an answered id (Batch), and each guard of the store, which is left out here.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { history } from "../support/histories/GateHistory.ts"
import { type Guard, guards, memoryGate } from "../support/histories/MemoryGate.ts"
import { play } from "../support/histories/Play.ts"

const seed = 20_250_620

const finished = <A>(work: Generator<unknown, A, unknown>): A => {
  const step = work.next()
  return step.done === true ? step.value : assert.fail("Nothing in memory waits")
}

const inMemory = (without?: Guard, met: (answer: string) => void = () => {}) =>
  fc.property(history, (one) => finished(play(one, memoryGate(one, without))).forEach(met))

describe("a hundred thousand histories of a gate", () => {
  it(
    "agree with the model through lost answers, restarts, rivals, annulments, exits and a full house",
    () => {
      const met = new Set<string>()
      fc.assert(inMemory(undefined, (answer) => met.add(answer)), { seed, numRuns: 100_000 })
      assert.sameMembers([...met], [
        "valid",
        "already_used",
        "unknown_ticket",
        "wrong_event",
        "voided",
        "unpaid",
        "capacity_reached",
        "operator_forbidden",
        "gate_forbidden",
        "forged",
        "not_inside",
        "scan_id_reused",
        "scan_annulled",
        "refused_offline",
        "annul: annulled",
        "annul: not_found",
        "annul: another_device",
        "annul: too_late",
        "annul: not_admitted",
        "annul: moved_since",
        "annul: capacity_reached"
      ])
    },
    180_000
  )

  it.each(Object.keys(guards) as ReadonlyArray<Guard>)("go wrong when nobody asks whether %s", (guard) => {
    assert.isTrue(fc.check(inMemory(guard), { seed, numRuns: 20_000, endOnFailure: true }).failed)
  })
})
