/**
 * The same body without an Idempotency-Key: a repeat while the work is under way, new work when it is over and may be
 * wanted again.
 * Guards whose removal turns this file red: each condition of `over` in JobIndex, SequenceStore and FlowStore, the key
 * that names one work for ever, the walk to the last work of a body.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import documented from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import { bodyFor, follow, outbox, payer, paymentOf, read, run, start, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { around, rowCounts } from "../support/Witness.ts"

const jobs = "/api/tickets/generation-jobs"
const sequences = "/api/orchestration/notification-flow"

const post = Effect.fnUntraced(
  function* (path: string, body?: unknown, headers: Record<string, string> = {}) {
    const app = yield* TestApp
    const answer = yield* app.ask(path, { method: "POST", token: app.organizer, body, headers })
    assert.isBelow(answer.status, 300, answer.text)
    return answer.json
  }
)

/** As if everything had been asked for two minutes earlier. */
const minutesLater = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  for (const table of ["ticket_jobs", "notification_sequences", "flows"]) {
    yield* sql`UPDATE ${sql(table)} SET created_at = created_at - interval '2 minutes'`
  }
})

/** The body of a job of an event's tickets, which have no files yet. */
const jobFor = Effect.fnUntraced(function* (eventId: number) {
  yield* run(bodyFor(eventId, {
    ticket_config: { generate_pdf: false, generate_qr: false },
    payment_config: { amount: 0 }
  }))
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<
    { ticket_id: bigint }
  >`SELECT ticket_id FROM tickets WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = ${eventId} AND owner = 'alice') ORDER BY 1`
  return { ...documented, ticket_ids: rows.map((row) => Number(row.ticket_id)) }
})

/** A generator that takes everything and reports nothing. */
const silent = around("tickets", async (request) => {
  const { job_id, tickets } = await request.json()
  const queued_at = new Date().toISOString()
  return Response.json({ job_id, accepted: tickets.length, queued_at }, { status: 202 })
})

const welcome = (eventId: number, delay_seconds = 0) => ({
  ...sequence,
  event_id: eventId,
  user_id: 1,
  notification_sequence: [{ ...sequence.notification_sequence[0]!, delay_seconds }]
})

layer(TestAppLayer.layer, { excludeTestServices: true })("the same body again", (it) => {
  it.effect("is the same job until that has ended, and for a minute; then it is rendered again, once", () =>
    Effect.gen(function* () {
      const body = yield* jobFor(1)
      const first = yield* post(jobs, body)
      yield* follow(first.events_url)
      assert.deepInclude(yield* post(jobs, body), { job_id: first.job_id, status: "completed" })
      yield* minutesLater
      const before = (yield* rowCounts)["ticket_jobs"]!
      const again = yield* Effect.all(Array.from({ length: 6 }, () => post(jobs, body)), {
        concurrency: "unbounded"
      })
      const ids = new Set(again.map(({ job_id }) => job_id))
      assert.strictEqual(ids.size, 1)
      assert.isFalse(ids.has(first.job_id))
      assert.strictEqual((yield* rowCounts)["ticket_jobs"], before + 1)
      yield* follow(again[0].events_url)
      assert.deepInclude((yield* read(again[0].status_url)).json, { status: "completed", generated: 2 })
      yield* minutesLater
      const third = yield* post(jobs, body)
      assert.isFalse(ids.has(third.job_id) || third.job_id === first.job_id)
      assert.strictEqual((yield* post(jobs, body)).job_id, third.job_id)
      yield* follow(third.events_url)
    }))

  it.effect("is the same job while its generator is silent, and another one as soon as it was canceled", () =>
    Effect.gen(function* () {
      const body = yield* jobFor(2)
      yield* silent
      const first = yield* post(jobs, body)
      yield* minutesLater
      assert.strictEqual((yield* post(jobs, body)).job_id, first.job_id)
      const ids = new Set([first.job_id])
      for (let last = first; ids.size < 4; ids.add(last.job_id)) {
        yield* post(`${last.status_url}/cancel`)
        last = yield* post(jobs, body)
        assert.isFalse(ids.has(last.job_id))
        assert.notStrictEqual(last.status, "canceled")
      }
    }).pipe(Effect.scoped))

  it.effect("under an Idempotency-Key is one job for ever, also when the key was forgotten", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const body = yield* jobFor(3)
      const key = { "idempotency-key": randomUUID() }
      const first = yield* post(jobs, body, key)
      yield* follow(first.events_url)
      yield* minutesLater
      yield* sql`DELETE FROM idempotency_keys`
      assert.strictEqual((yield* post(jobs, body, key)).job_id, first.job_id)
      assert.notStrictEqual((yield* post(jobs, body)).job_id, first.job_id)
    }))

  it.effect("tells no guest twice what a completed sequence told; a canceled one begins anew", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(4))
      const first = yield* post(sequences, welcome(4))
      yield* until(read(first.status_url), ({ json }) => json.status === "completed")
      yield* minutesLater
      assert.deepInclude(yield* post(sequences, welcome(4)), { flow_id: first.flow_id, status: "completed" })
      assert.lengthOf(Object.keys(yield* outbox(first.flow_id)), 1)

      const waiting = yield* post(sequences, welcome(4, 3_600))
      yield* minutesLater
      assert.strictEqual((yield* post(sequences, welcome(4, 3_600))).flow_id, waiting.flow_id)
      yield* post(`${waiting.status_url}/cancel`)
      const anew = yield* post(sequences, welcome(4, 3_600))
      assert.notStrictEqual(anew.flow_id, waiting.flow_id)
      assert.strictEqual(anew.status, "running")
      yield* post(`${anew.status_url}/cancel`)
    }))

  it.effect("tries a sequence again that a fault of ours has ended", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* run(bodyFor(5))
      const first = yield* post(sequences, welcome(5, 3_600))
      yield* sql`UPDATE notification_sequences SET status = 'failed' WHERE sequence_id = ${first.flow_id}`
      assert.strictEqual((yield* post(sequences, welcome(5, 3_600))).flow_id, first.flow_id)
      yield* minutesLater
      const again = yield* post(sequences, welcome(5, 3_600))
      assert.notStrictEqual(again.flow_id, first.flow_id)
      yield* post(`${again.status_url}/cancel`)
    }))

  it.effect("charges and tells nobody twice: a flow that ended well, or with errors, stays the same", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      for (const body of [bodyFor(6), bodyFor(8, { payment_config: { amount: 0 } })]) {
        const { flow_id } = (yield* run(body)).flow
        yield* minutesLater
        assert.strictEqual((yield* start(body)).json.flow_id, flow_id)
        yield* sql`UPDATE flows SET status = 'completed_with_errors' WHERE flow_id = ${flow_id}`
        assert.strictEqual((yield* start(body)).json.flow_id, flow_id)
      }
    }))

  it.effect("tries a failed flow again after a minute, once none of its money stands", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const stop = { error_handling: "stop_on_error", parallel_processing: false }
      const body = bodyFor(7, { guests: payer("declined"), orchestration_options: stop })
      const failed = yield* run(body)
      assert.strictEqual(failed.flow.status, "failed")
      yield* paymentOf(failed, "canceled")
      assert.strictEqual((yield* start(body)).json.flow_id, failed.flow.flow_id)
      yield* minutesLater
      for (const standing of ["pending", "failed", "settled", "disputed"]) {
        yield* sql`UPDATE payments SET status = ${standing} WHERE flow_id = ${failed.flow.flow_id}`
        assert.strictEqual((yield* start(body)).json.flow_id, failed.flow.flow_id, standing)
      }
      yield* sql`UPDATE payments SET status = 'canceled' WHERE flow_id = ${failed.flow.flow_id}`
      const again = yield* run(body)
      assert.notStrictEqual(again.flow.flow_id, failed.flow.flow_id)
      assert.notStrictEqual(again.flow.payment_id, failed.flow.payment_id)
      assert.strictEqual(again.flow.status, "failed")
    }))
})
