/**
 * Messages that are on their way when the process ends, with a real mail server that takes its time: none is lost, and
 * none is sent again whose answer had come. Guards whose removal turns this file red: the record of each attempt as it
 * ends, the moment that an end waits for those under way.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { completed, start } from "../support/FlowRuns.ts"
import { embedded, flowBody } from "../support/Installation.ts"
import { mailSink } from "../support/MailSink.ts"
import { serve } from "../support/Served.ts"
import { until } from "../support/FlowClient.ts"

const guests = 100

/** A flow that tells each of its guests one thing, and renders nothing. */
const body = () => {
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

/** Ends the process by this signal in the middle of a flow's messages, starts it again, and counts what arrived. */
const interrupted = (signal: "SIGTERM" | "SIGKILL") =>
  Effect.gen(function* () {
    const sink = yield* mailSink
    sink.pause = 500
    const installation = yield* embedded
    const env = { ...installation.env, ...sink.env }
    const first = yield* serve(env)
    const run = yield* start(first, yield* installation.token, body())
    yield* until(Effect.sync(() => sink.taken.size), (size) => size >= 10)
    yield* first.child.kill(signal)
    assert.isBelow(sink.taken.size, guests)
    const second = yield* serve(env)
    yield* completed(second, yield* installation.token, [run])
    yield* second.child.kill("SIGTERM")
    const ledger = yield* Effect.flatMap(
      SqlClient.SqlClient,
      (sql) =>
        sql<{ status: string; attempts: number; count: number }>`
        SELECT status, attempts, count(*)::int AS count FROM notifications GROUP BY 1, 2`
    ).pipe(Effect.provide(installation.database))
    assert.deepStrictEqual(ledger, [{ status: "sent", attempts: 1, count: guests }])
    assert.strictEqual(sink.taken.size, guests)
    return [...sink.taken.values()].reduce((sum, times) => sum + times - 1, 0)
  })

describe("mail under way when the process ends", () => {
  it.live("by an orderly end: each message arrives once", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* interrupted("SIGTERM"), 0)
    }), 180_000)

  it.live(
    "by kill -9: each message arrives, and only those whose answer was awaited arrive twice",
    () =>
      Effect.gen(function* () {
        assert.isAtMost(yield* interrupted("SIGKILL"), 8)
      }),
    90_000
  )
})
