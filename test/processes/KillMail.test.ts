/**
 * Messages that are on their way or wait when the process ends, with a real mail server that takes its time or takes
 * nothing: none is lost, none is sent again whose answer had come, and none that was refused for good. Guards whose
 * removal turns this file red: the record of each attempt as it ends, the moment that an end waits for those under way,
 * what waits is handed over when its step ends.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { SqlClient } from "effect/sql"
import { completed, start } from "../support/FlowRuns.ts"
import { embedded, flowBody, type Installation } from "../support/Installation.ts"
import { mailSink } from "../support/MailSink.ts"
import { closed, serve } from "../support/Served.ts"

const guests = 100

/** A flow that tells each of its guests one thing, and renders nothing. */
const body = (guests: number) => {
  const documented = flowBody(1)
  return {
    ...documented,
    guests: Array.from({ length: guests }, (_, at) => ({
      guest_id: at + 1,
      name: "Jean Dupont",
      email: `guest${at + 1}@example.com`,
      ticket_type: "Standard"
    })),
    ticket_config: { ...documented.ticket_config, generate_qr: false, generate_pdf: false },
    payment_config: { ...documented.payment_config, amount: 0 },
    notification_config: {
      email_templates: ["registration_confirmation"],
      sms_templates: [],
      schedule_reminders: []
    }
  }
}

/** Looks again until it fits. */
const eventually = <A>(look: Effect.Effect<A>, fits: (seen: A) => boolean) =>
  Effect.repeat(look, { until: fits, schedule: Schedule.spaced("100 millis") })

/** How many messages are in which state, after how many tries. */
const ledgerOf = ({ database }: Installation) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql<{ status: string; attempts: number; count: number }>`
      SELECT status, attempts, count(*)::int AS count FROM notifications GROUP BY 1, 2 ORDER BY 1, 2`
  ).pipe(Effect.provide(database))

describe("mail under way when the process ends", () => {
  it.live(
    "arrives once after an orderly end, and after kill -9 only that twice whose answer was awaited",
    () =>
      Effect.gen(function* () {
        const sink = yield* mailSink
        sink.pause = 500
        const installation = yield* embedded
        const env = { ...installation.env, ...sink.env }
        const again = () => [...sink.taken.values()].reduce((sum, times) => sum + times - 1, 0)
        const first = yield* serve(env)
        const run = yield* start(first, yield* installation.token, body(guests))
        yield* eventually(Effect.sync(() => sink.taken.size), (size) => size >= 10)
        yield* first.child.kill("SIGTERM")
        const before = sink.taken.size
        const second = yield* serve(env)
        yield* eventually(Effect.sync(() => sink.taken.size), (size) => size >= before + 10)
        assert.strictEqual(again(), 0)
        yield* second.child.kill("SIGKILL")
        assert.isBelow(sink.taken.size, guests)
        const third = yield* serve(env)
        yield* completed(third, yield* installation.token, [run])
        yield* third.child.kill("SIGTERM")
        const ledger = yield* ledgerOf(installation)
        assert.deepStrictEqual(ledger, [{ status: "sent", attempts: 1, count: guests }])
        assert.strictEqual(sink.taken.size, guests)
        assert.isAtMost(again(), 8)
      })
  )
})

describe("mail that takes nothing while a flow runs", () => {
  it.live(
    "is asked again after kill -9: all but who is refused for good are told, once",
    () =>
      Effect.gen(function* () {
        const sink = yield* mailSink
        sink.answer = (address) => address === "guest1@example.com" ? 550 : 451
        const installation = yield* embedded
        const env = { ...installation.env, ...sink.env }
        const first = yield* serve(env)
        const token = yield* installation.token
        const run = yield* start(first, token, body(20))
        const last = (yield* first.follow(run.events, token, closed)).at(-1)
        assert.deepStrictEqual(last?.data.error, {
          code: "messages_failed",
          detail: "1 messages could not be delivered; 0 were. 19 are tried again."
        })
        yield* first.child.kill("SIGKILL")
        const before = sink.asked()
        sink.answer = (address) => address === "guest1@example.com" ? 550 : 250
        const second = yield* serve(env)
        yield* eventually(Effect.sync(() => sink.taken.size), (size) => size === 19)
        const shown = yield* eventually(
          second.ask(`/api/orchestration/flows/${run.flowId}`, { token }),
          ({ json }) => json.steps[5].result?.waiting === 0
        )
        assert.deepStrictEqual(shown.json.steps[5].error, {
          code: "messages_failed",
          detail: "1 messages could not be delivered; 19 were."
        })
        assert.strictEqual(shown.json.status, "completed_with_errors")
        yield* second.child.kill("SIGTERM")
        assert.strictEqual(sink.asked() - before, 19)
        assert.deepStrictEqual([...sink.taken.values()], Array(19).fill(1))
        const ledger = yield* ledgerOf(installation)
        assert.deepStrictEqual(ledger[0], { status: "failed", attempts: 1, count: 1 })
        assert.strictEqual(
          ledger.slice(1).reduce((sum, { count, status }) => status === "sent" ? sum + count : sum, 0),
          19
        )
      })
  )
})
