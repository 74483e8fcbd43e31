/**
 * Generation jobs over HTTP: listed, canceled, tried again, and followed through both.
 * Guards whose removal turns this file red: the owner of a job, the roles, each filter and the limit in the next page's
 * address, the states that may be canceled and retried, the attempt of a retry that is repeated, the attempt
 * that ends while it is asked for, the feed that opens
 * again for a retry and for a late success, the canceled job that ends its flow's step.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Redacted, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import documented from "../../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import sequence from "../../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import { bodyFor, follow, outbox, read, run, start, until } from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Answer, TestApp } from "../../support/TestApp.ts"
import { serverUrl } from "../../support/TestDatabase.ts"
import * as Webhooks from "../../support/Webhooks.ts"
import { around } from "../../support/Witness.ts"

const route = "/api/tickets/generation-jobs"
const files = {
  format: "pdf",
  qr_code: true,
  file_url: "https://files.example.com/1.pdf",
  qr_url: null,
  file_size: 1_000
}

/** A generator that takes everything and reports nothing; answers the chunks that it took. */
const silentGenerator = Effect.gen(function* () {
  const taken: Array<{ readonly id: string; readonly tickets: ReadonlyArray<number> }> = []
  yield* around("tickets", async (request) => {
    const { job_id, tickets } = await request.json()
    const id = request.headers.get("x-request-id") ?? ""
    taken.push({ id, tickets: tickets.map((ticket: { id: number }) => ticket.id) })
    return Response.json(
      { job_id, accepted: tickets.length, queued_at: new Date().toISOString() },
      { status: 202 }
    )
  })
  return taken
})

const post = (path: string, body?: unknown) =>
  Effect.flatMap(
    TestApp,
    (app) => app.ask(path, { method: "POST", token: app.organizer, ...(body === undefined ? {} : { body }) })
  )

const Ids = Schema.Array(Schema.Struct({ ticket_id: Schema.Int }))

/** The tickets of an event of two guests, without files. */
const ticketsOf = Effect.fnUntraced(function* (eventId: number) {
  yield* run(bodyFor(eventId, {
    ticket_config: { generate_pdf: false, generate_qr: false },
    payment_config: { amount: 0 }
  }))
  const sql = yield* SqlClient.SqlClient
  const rows =
    yield* sql`SELECT ticket_id FROM tickets WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = ${eventId} AND owner = 'alice') ORDER BY 1`
  return (yield* Schema.decodeUnknownEffect(Ids)(rows)).map((row) => row.ticket_id) as [number, number]
})

/** A job of these tickets that the generator has taken. */
const running = Effect.fnUntraced(function* (ticket_ids: ReadonlyArray<number>, options: object = {}) {
  const body = { ...documented, ticket_ids, options: { ...documented.options, ...options } }
  const { json } = yield* post(route, body)
  yield* until(read(json.status_url), ({ json }) => json.status === "running")
  return json as { readonly job_id: string; readonly status_url: string; readonly events_url: string }
})

const item = (ticket_id: number, reason: string | null) => ({
  ticket_id,
  status: reason === null ? "generated" : "failed",
  reason,
  generation_data: reason === null ? files : null,
  metadata: {}
})

/** The report of a chunk, as our generator makes it. */
const report = (
  job: { readonly job_id: string },
  chunkId: string,
  tickets: ReadonlyArray<ReturnType<typeof item>>
) =>
  Webhooks.ticket({
    event_type: "tickets.generated",
    webhook_id: `wh_${chunkId}`,
    job_id: job.job_id,
    event_id: 1,
    generated_at: new Date().toISOString(),
    processing_time_ms: 1,
    tickets
  })

const ended = (job: { readonly status_url: string }) =>
  until(read(job.status_url), ({ json }) => json.finished_at !== null)

const next = (answer: Answer) => /^<([^>]+)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1]

layer(TestAppLayer.layer, { excludeTestServices: true })("generation jobs", (it) => {
  it.effect("are canceled once: what waits is left out, and the feed ends", () =>
    Effect.gen(function* () {
      const [first, second] = yield* ticketsOf(1)
      yield* silentGenerator
      const job = yield* running([first, second])
      yield* report(job, `${job.job_id}_0`, [item(first, null)])
      yield* until(read(job.status_url), ({ json }) => json.generated === 1)
      const canceled = yield* post(`${job.status_url}/cancel`)
      assert.strictEqual(canceled.status, 200, canceled.text)
      assert.deepInclude(canceled.json, {
        status: "canceled",
        attempt: 1,
        total: 2,
        queued: 0,
        generated: 1,
        failed: 0,
        canceled: 1
      })
      assert.deepStrictEqual(canceled.json.tickets[1], {
        ticket_id: second,
        status: "canceled",
        reason: null
      })
      const again = yield* post(`${job.status_url}/cancel`)
      assert.deepStrictEqual([again.status, again.json], [200, canceled.json])
      assert.strictEqual((yield* follow(job.events_url)).at(-1)!.data.status, "canceled")
      const retried = yield* post(`${job.status_url}/retry`)
      assert.strictEqual(retried.status, 409)
      assert.include(retried.json.detail, "was canceled")
    }).pipe(Effect.scoped))

  it.effect("are tried again with their failures alone, and their feed reads on", () =>
    Effect.gen(function* () {
      const [first, second] = yield* ticketsOf(2)
      const taken = yield* silentGenerator
      const job = yield* running([first, second])
      const early = yield* post(`${job.status_url}/retry`)
      assert.strictEqual(early.status, 409)
      assert.include(early.json.detail, "is running")
      yield* report(job, `${job.job_id}_0`, [item(first, null), item(second, "torn")])
      const before = yield* follow(job.events_url)
      assert.strictEqual(before.at(-1)!.data.status, "partially_failed")
      const late = yield* post(`${job.status_url}/cancel`)
      assert.strictEqual(late.status, 409)
      assert.include(late.json.detail, "retry it instead")
      const retried = yield* post(`${job.status_url}/retry`)
      assert.strictEqual(retried.status, 202, retried.text)
      assert.strictEqual(retried.headers.get("location"), job.status_url)
      assert.deepInclude(retried.json, { job_id: job.job_id, status: "running", total: 2 })
      const repeated = yield* post(`${job.status_url}/retry`)
      assert.deepStrictEqual([repeated.status, repeated.json], [202, retried.json])
      yield* until(Effect.sync(() => taken), (chunks) => chunks.length === 2)
      assert.deepStrictEqual(taken[1], { id: `${job.job_id}.2_0`, tickets: [second] })
      const { json: view } = yield* read(job.status_url)
      assert.deepInclude(view, { attempt: 2, queued: 1, generated: 1, failed: 0, finished_at: null })
      yield* report(job, `${job.job_id}.2_0`, [item(second, null)])
      const after = yield* follow(job.events_url, before.at(-1)!.id)
      assert.strictEqual((yield* post(`${job.status_url}/retry`)).status, 409)
      assert.deepStrictEqual(after.map(({ event, id }) => [id - before.at(-1)!.id, event]), [
        [1, "retried"],
        [2, "tickets"],
        [3, "closed"]
      ])
      assert.strictEqual(after.at(-1)!.data.status, "completed")
      const whole = yield* follow(job.events_url)
      assert.deepStrictEqual(whole.map(({ event }) => event), [
        "tickets",
        "ended",
        "retried",
        "tickets",
        "closed"
      ])
      assert.deepInclude((yield* read(job.status_url)).json, {
        status: "completed",
        attempt: 2,
        generated: 2
      })
    }).pipe(Effect.scoped))

  it.effect.skipIf(serverUrl === undefined)(
    "are tried once more when the attempt ends while it is asked for",
    () =>
      Effect.gen(function* () {
        const [first] = yield* ticketsOf(8)
        const taken = yield* silentGenerator
        const job = yield* running([first])
        yield* report(job, `${job.job_id}_0`, [item(first, "torn")])
        yield* ended(job)
        yield* post(`${job.status_url}/retry`)
        const sql = yield* SqlClient.SqlClient
        const [held, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const holding = yield* Effect.forkChild(
          sql`SELECT 1 FROM ticket_jobs WHERE job_id = ${job.job_id} FOR UPDATE`.pipe(
            Effect.andThen(Deferred.succeed(held, undefined)),
            Effect.andThen(Deferred.await(go)),
            sql.withTransaction
          )
        )
        yield* Deferred.await(held)
        yield* report(job, `${job.job_id}.2_0`, [item(first, "torn again")])
        yield* Effect.repeat(
          sql`SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          { until: (rows) => rows.length > 0 }
        )
        const asking = yield* Effect.forkChild(post(`${job.status_url}/retry`), { startImmediately: true })
        yield* Effect.repeat(read(job.status_url), { times: 20 })
        yield* Deferred.succeed(go, undefined)
        yield* Fiber.join(holding)
        const retried = yield* Fiber.join(asking)
        assert.deepStrictEqual([retried.status, retried.json.status], [202, "running"], retried.text)
        yield* until(Effect.sync(() => taken), (chunks) => chunks.length === 3)
        assert.strictEqual(taken[2]!.id, `${job.job_id}.3_0`)
      }).pipe(Effect.scoped)
  )

  it.effect("that a late success mends tell their true end, also to whoever saw the other one", () =>
    Effect.gen(function* () {
      const [first] = yield* ticketsOf(7)
      yield* silentGenerator
      const job = yield* running([first])
      yield* report(job, `${job.job_id}_0`, [item(first, "torn")])
      const before = yield* follow(job.events_url)
      assert.deepStrictEqual(before.map(({ data, event }) => [event, data.status]), [
        ["tickets", undefined],
        ["closed", "failed"]
      ])
      yield* Webhooks.ticket({
        event_type: "ticket.generated",
        ticket_id: first,
        generation_data: files,
        generated_at: new Date().toISOString()
      })
      yield* until(read(job.status_url), ({ json }) => json.status === "completed")
      const after = yield* follow(job.events_url, before.at(-1)!.id)
      assert.deepStrictEqual(after.map(({ data, event }) => [event, data.generated, data.status]), [
        ["tickets", 1, undefined],
        ["closed", undefined, "completed"]
      ])
      const whole = yield* follow(job.events_url)
      assert.deepStrictEqual(whole.map(({ event }) => event), ["tickets", "ended", "tickets", "closed"])
    }).pipe(Effect.scoped))

  it.effect("tell each guest of the ticket once, however often the job is tried and reported", () =>
    Effect.gen(function* () {
      const [first, second] = yield* ticketsOf(3)
      yield* silentGenerator
      const [, told] = sequence.notification_sequence
      const steps = [{ ...told, delay_seconds: 0, data: {} }]
      const told2 = yield* Effect.forEach([1, 2], (user_id) =>
        Effect.map(
          post("/api/orchestration/notification-flow", {
            ...sequence,
            event_id: 3,
            user_id,
            notification_sequence: steps
          }),
          ({ json }) => json
        ))
      const job = yield* running([first, second])
      const failed = [item(first, null), item(second, "torn")]
      yield* report(job, `${job.job_id}_0`, failed)
      yield* ended(job)
      yield* until(read(told2[0].status_url), ({ json }) => json.status === "completed")
      assert.strictEqual((yield* read(told2[1].status_url)).json.messages.length, 0)
      yield* post(`${job.status_url}/retry`)
      const mended = [item(second, null), item(first, null)]
      yield* report(job, `${job.job_id}.2_0`, mended)
      yield* report(job, `${job.job_id}.2_0`, mended)
      yield* report(job, `${job.job_id}_0`, failed)
      yield* report(job, "another_0", mended)
      assert.strictEqual((yield* ended(job)).json.status, "completed")
      for (const { flow_id, status_url } of told2) {
        yield* until(read(status_url), ({ json }) => json.status === "completed")
        assert.strictEqual(Object.keys(yield* outbox(flow_id)).length, 2)
      }
    }).pipe(Effect.scoped))

  it.effect("end the step of the flow that waits for one that is canceled", () =>
    Effect.gen(function* () {
      yield* silentGenerator
      const options = {
        retry_failed_steps: true,
        error_handling: "continue_on_error",
        parallel_processing: false
      }
      const flow = yield* start(bodyFor(4, { payment_config: { amount: 0 }, orchestration_options: options }))
      const { json } = yield* until(read(flow.json.status_url), ({ json }) => json.job_id !== null)
      yield* until(read(`${route}/${json.job_id}`), ({ json }) => json.status === "running")
      const retried = yield* post(`${route}/${json.job_id}/retry`)
      assert.strictEqual(retried.status, 409)
      assert.include(retried.json.detail, "a flow that is not over")
      assert.strictEqual((yield* post(`${route}/${json.job_id}/cancel`)).status, 200)
      yield* follow(flow.json.events_url)
      const { json: over } = yield* read(flow.json.status_url)
      assert.strictEqual(over.status, "completed_with_errors")
      const step = over.steps.find(({ step }: { step: string }) => step === "tickets")
      assert.deepInclude(step, { status: "failed" })
      assert.strictEqual(step.error.code, "tickets_canceled")
      assert.strictEqual(over.job_id, json.job_id)
      assert.strictEqual((yield* read(`${route}?flow_id=${over.flow_id}`)).json.jobs.length, 1)
    }).pipe(Effect.scoped))

  it.effect("are listed newest first, in pages, and fit every filter", () =>
    Effect.gen(function* () {
      const [first, second] = yield* ticketsOf(5)
      yield* silentGenerator
      const made = [
        yield* running([first]),
        yield* running([second], { priority: "low" }),
        yield* running([first, second])
      ].map(({ job_id }) => job_id)
      const [oldest, low, newest] = made as [string, string, string]
      yield* post(`${route}/${oldest}/cancel`)
      const jobsOf = (answer: Answer) => answer.json.jobs.map(({ job_id }: { job_id: string }) => job_id)
      const all = yield* read(`${route}?event_id=5`)
      assert.deepStrictEqual(jobsOf(all), [newest, low, oldest])
      assert.isNull(all.json.next_cursor)
      assert.isNull(all.headers.get("link"))
      assert.notProperty(all.json.jobs[0], "tickets")
      assert.notProperty(all.json.jobs[0], "owner")
      assert.deepInclude(all.json.jobs[0], { total: 2, queued: 2, attempt: 1, status: "running" })
      assert.deepStrictEqual(jobsOf(yield* read(`${route}?event_id=5&priority=low`)), [low])
      assert.deepStrictEqual(jobsOf(yield* read(`${route}?event_id=5&status=canceled`)), [oldest])
      assert.deepStrictEqual(jobsOf(yield* read(`${route}?event_id=5&flow_id=flow_x`)), [])
      const seen: Array<string> = []
      for (let at: string | undefined = `${route}?event_id=5&status=running&limit=1`; at !== undefined;) {
        const page: Answer = yield* read(at)
        assert.strictEqual(page.status, 200, page.text)
        seen.push(...jobsOf(page))
        at = next(page)
        assert.strictEqual(
          at === undefined ? null : new URL(at, "http://localhost").searchParams.get("cursor"),
          page.json.next_cursor
        )
      }
      assert.deepStrictEqual(seen, [newest, low])
      for (const wrong of ["limit=0", "limit=501", "cursor=x", "status=lost", "event_id=0", "flow_id=1"]) {
        const answer = yield* read(`${route}?${wrong}`)
        assert.strictEqual(answer.status, 422, wrong)
      }
    }).pipe(Effect.scoped))

  it.effect("of another organiser are neither seen nor changed; an admin sees all", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const tickets = yield* ticketsOf(6)
      yield* silentGenerator
      const job = yield* running(tickets)
      const tokens = yield* TokenStore
      const bob = Redacted.value((yield* tokens.create({ role: "organizer", subject: "bob" })).token)
      const gate = Redacted.value(
        (yield* tokens.create({ role: "operator", subject: "eve", owner: "alice" })).token
      )
      for (const action of ["cancel", "retry"]) {
        const path = `${job.status_url}/${action}`
        assert.strictEqual((yield* app.ask(path, { method: "POST", token: bob })).status, 404)
        assert.strictEqual((yield* app.ask(path, { method: "POST", token: gate })).status, 403)
        const unknown = `${route}/job_unknown/${action}`
        assert.strictEqual((yield* app.ask(unknown, { method: "POST", token: app.organizer })).status, 404)
      }
      assert.deepStrictEqual((yield* app.ask(`${route}?event_id=6`, { token: bob })).json.jobs, [])
      assert.strictEqual((yield* app.ask(route, { token: gate })).status, 403)
      assert.strictEqual((yield* app.ask(`${route}?event_id=6`, { token: app.admin })).json.jobs.length, 1)
      assert.strictEqual((yield* read(job.status_url)).json.status, "running")
      const answer = yield* app.ask(`${job.status_url}/cancel`, { method: "POST", token: app.admin })
      assert.strictEqual(answer.json.status, "canceled")
    }).pipe(Effect.scoped))
})
