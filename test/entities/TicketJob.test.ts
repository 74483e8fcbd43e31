/**
 * The life of a generation job, from its start to its end, whatever comes twice, late or not at all.
 * Guards whose removal turns this file red: `status = 'queued'` on items and chunks, the guarded end of a
 * job, `announced_at`, the order of `generated_at`, the tickets of the job; the rest of a job's life is in `CanceledJob` and `RetriedJob`.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { GeneratedTicket } from "../../rpc/Ticket.ts"
import { TicketJob } from "../../rpc/TicketJob.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { feedOfJob, JobStore } from "../../src/store/jobs/JobStore.ts"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { voidTicket } from "../support/GateFixture.ts"
import { at, bad, good, JobEntities, JobStores, Notes, prepare } from "../support/JobFixture.ts"

const Env = JobEntities.pipe(Layer.provideMerge(Notes.layer), Layer.provideMerge(JobStores))

const endsOf = (jobId: string) =>
  Effect.map(Notes, (notes) => notes.ends.filter((end) => end.jobId === jobId).map((end) => end.status))
const Progress = Schema.Struct({
  failed: Schema.Int,
  generated: Schema.Int,
  total: Schema.Int,
  ticket_ids: Schema.Array(Schema.Int)
})
const progressOf = (jobId: string) =>
  Effect.map(
    Effect.flatMap(FeedStore, (feeds) => feeds.after(feedOfJob(jobId), 0)),
    (events) =>
      events.filter(({ kind }) => kind === "tickets").map(({ data }) => {
        const { ticket_ids, ...counted } = Schema.decodeUnknownSync(Progress)(data)
        return { ...counted, tickets: ticket_ids.length }
      })
  )
const chunksOf = (jobId: string) =>
  Effect.map(Notes, (notes) => notes.sent.filter((chunk) => chunk.job.job_id === jobId))

layer(Env, { excludeTestServices: true })("a generation job", (it) => {
  it.effect("goes to the generator in chunks of 100, each under its own request id", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds, view } = yield* prepare(1, 230)
      assert.strictEqual((yield* view).status, "queued")
      yield* job.Start({ jobId })
      const sent = yield* chunksOf(jobId)
      assert.deepStrictEqual(sent.map((chunk) => [chunk.chunkId, chunk.job.tickets.length, chunk.priority]), [
        ["job_1_0", 100, "high"],
        ["job_1_1", 100, "high"],
        ["job_1_2", 30, "high"]
      ])
      assert.deepStrictEqual(sent.flatMap((chunk) => chunk.job.tickets.map((ticket) => ticket.id)), ticketIds)
      assert.strictEqual((yield* view).status, "running")
      assert.deepStrictEqual(yield* endsOf(jobId), [])
    }))

  it.effect("is completed when every ticket is, and says so once", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b, c], view } = yield* prepare(2, 3)
      yield* job.Start({ jobId })
      yield* job.BatchGenerated({
        webhookId: "wh_1",
        generatedAt: at("10:00:00"),
        tickets: [good(a!), good(b!)]
      })
      assert.deepStrictEqual(yield* endsOf(jobId), [])
      yield* job.BatchGenerated({ webhookId: "wh_2", generatedAt: at("10:00:01"), tickets: [good(c!)] })
      const { failed, finished_at, generated, status } = yield* view
      assert.deepStrictEqual({ failed, generated, status }, { failed: 0, generated: 3, status: "completed" })
      assert.isNotNull(finished_at)
      assert.deepStrictEqual(yield* endsOf(jobId), ["completed"])
      assert.deepStrictEqual(yield* progressOf(jobId), [
        { failed: 0, generated: 2, total: 3, tickets: 2 },
        { failed: 0, generated: 3, total: 3, tickets: 1 }
      ])
      const ticket = yield* (yield* TicketStore).get(a!)
      assert.strictEqual(ticket.file_url, `https://files.example.com/${a}-a.pdf`)
      assert.strictEqual(ticket.file_key, `tickets/${a}/ticket.pdf`)
      assert.strictEqual(ticket.qr_url, `https://files.example.com/${a}-a.png`)
    }))

  it.effect("is partially failed when one ticket fails, and keeps the reason", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b], view } = yield* prepare(3, 2)
      yield* job.Start({ jobId })
      yield* job.BatchGenerated({
        webhookId: "wh_1",
        generatedAt: at("10:00:00"),
        tickets: [good(a!), bad(b!)]
      })
      const { error, failed, generated, status, tickets } = yield* view
      assert.deepStrictEqual({ failed, generated, status }, {
        failed: 1,
        generated: 1,
        status: "partially_failed"
      })
      assert.isNull(error)
      assert.deepStrictEqual(tickets, [
        { ticket_id: a!, status: "generated", reason: null },
        { ticket_id: b!, status: "failed", reason: "missing_glyph: U+4E2D" }
      ])
      assert.deepStrictEqual(yield* endsOf(jobId), ["partially_failed"])
    }))

  it.effect("is failed when every ticket fails", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b], view } = yield* prepare(4, 2)
      yield* job.Start({ jobId })
      yield* job.BatchGenerated({
        webhookId: "wh_1",
        generatedAt: at("10:00:00"),
        tickets: [bad(a!), bad(b!)]
      })
      const { error, status } = yield* view
      assert.deepStrictEqual({ error, status }, { error: "missing_glyph: U+4E2D", status: "failed" })
      assert.deepStrictEqual(yield* endsOf(jobId), ["failed"])
    }))

  it.effect("is failed when the generator takes nothing, without trying for ever", () =>
    Effect.gen(function* () {
      const { job, jobId, view } = yield* prepare(5, 2)
      const notes = yield* Notes
      notes.refuses = (chunkId) => chunkId === "job_5_0"
      yield* job.Start({ jobId })
      const { error, failed, status } = yield* view
      assert.deepStrictEqual({ error, failed, status }, {
        error: "generator_unavailable: TransportError",
        failed: 2,
        status: "failed"
      })
      assert.deepStrictEqual(yield* endsOf(jobId), ["failed"])
      assert.strictEqual((yield* chunksOf(jobId)).length, 1)
    }))

  it.effect("is partially failed when the generator takes only some chunks", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds, view } = yield* prepare(6, 150)
      const notes = yield* Notes
      notes.refuses = (chunkId) => chunkId === "job_6_1"
      yield* job.Start({ jobId })
      assert.strictEqual((yield* view).status, "running")
      const tickets = ticketIds.slice(0, 100).map((id) => good(id))
      yield* job.BatchGenerated({ webhookId: "wh_job_6_0", generatedAt: at("10:00:00"), tickets })
      const { failed, generated, status } = yield* view
      assert.deepStrictEqual({ failed, generated, status }, {
        failed: 50,
        generated: 100,
        status: "partially_failed"
      })
    }))

  it.effect("fails a ticket that was voided meanwhile, and sends the others", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b], view } = yield* prepare(7, 2)
      yield* voidTicket(a!)
      yield* job.Start({ jobId })
      assert.deepStrictEqual(
        (yield* chunksOf(jobId)).flatMap((chunk) => chunk.job.tickets.map(({ id }) => id)),
        [b!]
      )
      assert.deepStrictEqual((yield* view).tickets[0], {
        ticket_id: a!,
        status: "failed",
        reason: "ticket_voided"
      })
    }))

  it.effect("is not moved by webhooks that come twice, in another order or after its end", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b], view } = yield* prepare(8, 2)
      yield* job.Start({ jobId })
      const late = { webhookId: "wh_late", generatedAt: at("10:00:09"), tickets: [good(a!, "late")] }
      const early = {
        webhookId: "wh_early",
        generatedAt: at("10:00:01"),
        tickets: [good(a!, "early"), good(b!)]
      }
      for (const webhook of [late, early, late, early]) yield* job.BatchGenerated(webhook)
      const ended = yield* view
      assert.strictEqual(ended.status, "completed")
      yield* job.BatchGenerated({ ...early, webhookId: "wh_early_under_another_id" })
      yield* job.BatchGenerated({
        webhookId: "wh_failed",
        generatedAt: at("10:00:10"),
        tickets: [bad(a!), bad(b!)]
      })
      yield* job.Start({ jobId })
      assert.deepStrictEqual(yield* view, ended)
      assert.deepStrictEqual(yield* endsOf(jobId), ["completed"])
      assert.strictEqual((yield* progressOf(jobId)).length, 2)
      assert.strictEqual((yield* chunksOf(jobId)).length, 1)
      const ticket = yield* (yield* TicketStore).get(a!)
      assert.strictEqual(ticket.file_url, `https://files.example.com/${a}-late.pdf`)
    }))

  it.effect("takes the reports of its own tickets alone", () =>
    Effect.gen(function* () {
      const { job, ticketIds: [a], view } = yield* prepare(12, 1)
      const { ticketIds: [stranger] } = yield* prepare(13, 1)
      const tickets = [good(a!), good(stranger!), good(999_999)]
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("10:00:00"), tickets })
      assert.deepInclude(yield* view, { status: "completed", total: 1, generated: 1 })
      assert.isNull((yield* (yield* TicketStore).get(stranger!)).generated_at)
    }))

  it.effect("takes a webhook that overtakes its start", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a], view } = yield* prepare(9, 1)
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("10:00:00"), tickets: [good(a!)] })
      assert.strictEqual((yield* view).status, "completed")
      yield* job.Start({ jobId })
      assert.deepStrictEqual(yield* endsOf(jobId), ["completed"])
      assert.deepStrictEqual(yield* chunksOf(jobId), [])
    }))

  it.effect("that nobody created is not found", () =>
    Effect.gen(function* () {
      const job = (yield* TicketJob.client)("job_unknown")
      const webhook = { webhookId: "wh_1", generatedAt: at("10:00:00"), tickets: [good(1)] }
      assert.strictEqual((yield* Effect.flip(job.BatchGenerated(webhook)))._tag, "JobNotFound")
      assert.strictEqual((yield* Effect.flip(job.Start({ jobId: "job_unknown" })))._tag, "JobNotFound")
    }))

  it.effect("tells its end to whoever missed it when the process died while telling", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a], view } = yield* prepare(10, 1)
      const notes = yield* Notes
      yield* job.Start({ jobId })
      notes.crashes = 1
      const webhook = { webhookId: "wh_1", generatedAt: at("10:00:00"), tickets: [good(a!)] }
      assert.isTrue(Exit.isFailure(yield* Effect.exit(job.BatchGenerated(webhook))))
      assert.strictEqual((yield* view).status, "completed")
      assert.deepStrictEqual(yield* endsOf(jobId), [])
      yield* job.BatchGenerated({ ...webhook, webhookId: "wh_1_again" })
      yield* job.BatchGenerated({ ...webhook, webhookId: "wh_1_and_again" })
      assert.deepStrictEqual(yield* endsOf(jobId), ["completed"])
      assert.strictEqual((yield* progressOf(jobId)).length, 1)
    }))

  it.effect("says which tickets were generated while others are waited for, and the rest with its end", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b, c, d] } = yield* prepare(14, 4)
      const { ticketIds: [stranger] } = yield* prepare(15, 1)
      const notes = yield* Notes
      const report = (webhookId: string, ...tickets: ReadonlyArray<GeneratedTicket>) =>
        job.BatchGenerated({ webhookId, generatedAt: at("10:00:00"), tickets })
      yield* job.Start({ jobId })
      yield* report("wh_1", good(a!), bad(b!))
      yield* report("wh_2", bad(c!))
      yield* report("wh_3", good(d!))
      const told = notes.generated.filter((batch) => batch.jobId === jobId)
      assert.deepStrictEqual(told, [{ jobId, ticketIds: [a!] }])
      assert.deepStrictEqual(yield* endsOf(jobId), ["partially_failed"])
      const jobs = yield* JobStore
      yield* jobs.applyBatch("job_15", [good(stranger!)])
      assert.deepStrictEqual(yield* jobs.guests(jobId, [b!, d!, stranger!]), [4])
      assert.deepStrictEqual(yield* jobs.guests(jobId), [1, 4])
      yield* (yield* SqlClient.SqlClient)`
        UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${d!}`
      assert.deepStrictEqual(yield* jobs.guests(jobId, [a!, d!]), [1])
    }))

  it.effect("runs each step again after a crash without doing anything twice", () =>
    Effect.gen(function* () {
      const { jobId, ticketIds } = yield* prepare(11, 150)
      const jobs = yield* JobStore
      const tickets = yield* TicketStore
      const notes = yield* Notes
      const batch = ticketIds.slice(0, 100).map((id) => good(id))
      yield* jobs.begin(jobId)
      yield* tickets.generated(batch, at("10:00:00"))
      yield* jobs.applyBatch(jobId, [...batch, good(ticketIds[100]!)])
      const job = (yield* TicketJob.client)(jobId)
      yield* job.Start({ jobId })
      yield* job.BatchGenerated({ webhookId: "wh_0", generatedAt: at("10:00:00"), tickets: batch })
      const [sent, ...others] = yield* chunksOf(jobId)
      assert.deepStrictEqual([sent?.chunkId, sent?.job.tickets.length, others.length], ["job_11_1", 49, 0])
      assert.deepStrictEqual(yield* endsOf(jobId), [])
      const rest = ticketIds.slice(100).map((id) => good(id))
      yield* jobs.applyBatch(jobId, rest)
      yield* jobs.end(jobId)
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("10:00:01"), tickets: rest })
      assert.deepStrictEqual(notes.ends.filter((end) => end.jobId === jobId), [
        { jobId, flowId: "flow_11", status: "completed" }
      ])
    }))
})
