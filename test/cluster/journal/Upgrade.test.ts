/**
 * Flows that a version without a journal has begun, of all that a workflow can do, in the middle of their way. What the older version's mailbox has of their activities is not done again, on either database. Guards whose removal
 * turns this file red: what an activation reads of the mailboxes, activities as well as what was told.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { stock, subjects } from "../mailbox/MailboxSubjects.ts"
import { journalRunner, oneRunner } from "../mailbox/OneRunner.ts"
import { begin, endOf, generated, tellAll } from "./Played.ts"
import { runsOf, Scripted, ScriptedLayer } from "./ScriptFlow.ts"

const flows = 24

const lives = 2

/** The attempts of activities that the older version has finished, by execution. */
const finished = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ execution: string; key: string }>`
    SELECT m.entity_id AS execution, (m.payload::json ->> 'name') || '/' || (m.payload::json ->> 'attempt') AS key
    FROM cluster_messages m JOIN cluster_replies r ON r.request_id = m.request_id
    WHERE m.tag = 'activity' AND r.payload::json #>> '{value,_tag}' = 'Complete'`
  return new Set(rows.map(({ execution, key }) => `${execution} ${key}`))
})

for (const { database, isSkipped, name } of subjects.slice(1)) {
  describe.skipIf(isSkipped)(`flows of a version without a journal, finished by ${name}`, () => {
    layer(database, { excludeTestServices: true })((it) => {
      it.effect("end as they say, and do nothing again", () =>
        Effect.gen(function* () {
          const histories = generated(`upgrade ${name}`, lives, flows)
          yield* Effect.gen(function* () {
            yield* tellAll(histories, 0)
            yield* begin(histories)
            yield* tellAll(histories, 1)
            yield* Effect.repeat(finished, {
              until: ({ size }) => size >= flows,
              schedule: Schedule.spaced("20 millis")
            })
          }).pipe(Effect.provide(oneRunner(ScriptedLayer, stock, "100 millis")))
          const before = yield* finished
          assert.isAtLeast(before.size, flows)
          const ran = new Map(histories.map(({ id }) => [id, runsOf(id).steps.length]))
          yield* Effect.gen(function* () {
            yield* tellAll(histories, lives)
            yield* Effect.forEach(histories, endOf, { concurrency: "unbounded", discard: true })
          }).pipe(Effect.provide(journalRunner(ScriptedLayer, "100 millis")))
          for (const { id } of histories) {
            const executionId = yield* Scripted.executionId({ id, of: "", script: "", end: "" })
            const since = runsOf(id).steps.slice(ran.get(id))
            assert.deepStrictEqual(since.filter((key) => before.has(`${executionId} ${key}`)), [], id)
          }
        }))
    })
  })
}
