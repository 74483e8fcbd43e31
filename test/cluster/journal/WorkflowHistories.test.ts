/**
 * Generated histories of workflows, whoever keeps their steps: Effect's engine alone, and the journal on both databases.
 * Flows of all that a workflow can do are told things before, while and after they wait, fail, are interrupted, and lose
 * their runner in between; each ends as its script says. With the journal no activity runs whose row is there, and one of a
 * flow that nothing disturbs runs once. Guards whose removal turns this file red: the read of an activation, the row before
 * the result, the steps in memory.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { clusters } from "../mailbox/MailboxSubjects.ts"
import { journalRunner, oneRunner } from "../mailbox/OneRunner.ts"
import type { History } from "./Histories.ts"
import { attemptsOf, begin, endOf, generated, tellAll } from "./Played.ts"
import { flatten, runsOf, ScriptedLayer } from "./ScriptFlow.ts"

const flows = 16

/** Nothing runs again by itself: no branches that wake each other, and no activity that waits. */
const isCalm = ({ id, script }: History): boolean =>
  !flatten(id, script).some(({ op }) => op.do === "both" || op.do === "inside")

for (const [at, subject] of clusters.entries()) {
  const cluster = () =>
    subject.isJournaled
      ? journalRunner(ScriptedLayer, "100 millis")
      : oneRunner(ScriptedLayer, subject.storage, "100 millis")

  describe.skipIf(subject.isSkipped)(`histories of workflows over ${subject.name}`, () => {
    layer(subject.database, { excludeTestServices: true })((it) => {
      it.effect("end as they say while their runner lives, each attempt once", () =>
        Effect.gen(function* () {
          const histories = generated(`calm ${at}`, 1, flows)
          yield* tellAll(histories, 0)
          yield* begin(histories)
          yield* tellAll(histories, 1)
          yield* Effect.forEach(histories, endOf, { concurrency: "unbounded", discard: true })
          for (const one of histories.filter(isCalm)) {
            assert.sameMembers([...runsOf(one.id).steps], [...attemptsOf(one)], JSON.stringify(one))
          }
        }).pipe(Effect.provide(cluster())))

      it.effect("end as they say when their runner is another one again and again", () =>
        Effect.gen(function* () {
          const lives = 4
          const histories = generated(`mortal ${at}`, lives, flows)
          for (let life = 0; life < lives; life++) {
            yield* Effect.andThen(begin(histories), tellAll(histories, life)).pipe(Effect.provide(cluster()))
          }
          yield* Effect.gen(function* () {
            yield* tellAll(histories, lives)
            yield* Effect.forEach(histories, endOf, { concurrency: "unbounded", discard: true })
          }).pipe(Effect.provide(cluster()))
        }))
    })
  })
}
