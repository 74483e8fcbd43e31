/**
 * One ticket: the documented webhook reaches it, it reaches the jobs that wait for it.
 * Guards whose removal turns this file red: the order of `generated_at`, the key that goes with its address, the files
 * that a report does not name, the jobs that a report is for.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { type GenerationData, Ticket } from "../../rpc/Ticket.ts"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { TicketWebhook, toMessage } from "../../rpc/TicketWebhookBodies.ts"
import documented from "../fixtures/bodies/4-ticket-webhook.request.json" with { type: "json" }
import { at, bad, good, JobEntities, JobStores, Notes, prepare } from "../support/JobFixture.ts"

const Env = JobEntities.pipe(Layer.provideMerge(Notes.layer), Layer.provideMerge(JobStores))

const clientOf = (ticketId: number) => Effect.map(Ticket.client, (client) => client(String(ticketId)))

const stored = (ticketId: number) => Effect.flatMap(TicketStore, (tickets) => tickets.get(ticketId))

layer(Env, { excludeTestServices: true })("a ticket", (it) => {
  it.effect("keeps the files of the documented webhook and completes the job that waited for it", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [id], view } = yield* prepare(1, 1)
      yield* job.Start({ jobId })
      const body = Schema.decodeUnknownSync(TicketWebhook)({ ...documented, ticket_id: `ticket-${id}` })
      const message = toMessage(body, "req_ticket_1")
      if (message._tag !== "Generated") return assert.fail("the documented body is for a ticket")
      const ticket = yield* clientOf(message.ticketId)
      yield* ticket.Generated(message.payload)
      yield* ticket.Generated(message.payload)
      yield* job.BatchGenerated({ webhookId: "wh_after", generatedAt: at("00:00:00"), tickets: [] })
      assert.strictEqual((yield* view).status, "completed")
      assert.deepInclude(yield* stored(id!), {
        file_url: documented.generation_data.file_url,
        qr_url: documented.generation_data.qr_url,
        file_size: 245_760
      })
      const notes = yield* Notes
      assert.deepStrictEqual(notes.ends.map((end) => end.status), ["completed"])
    }))

  it.effect("that could not be generated fails its item and keeps the files it had", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [id], view } = yield* prepare(2, 1)
      const ticket = yield* clientOf(id!)
      yield* job.Start({ jobId })
      yield* ticket.Generated({ webhookId: "req_1", generatedAt: at("10:00:00"), ticket: bad(id!) })
      yield* job.BatchGenerated({ webhookId: "wh_after", generatedAt: at("00:00:00"), tickets: [] })
      assert.strictEqual((yield* view).status, "failed")
      assert.isNull((yield* stored(id!)).generated_at)
    }))

  it.effect("keeps the later of two renderings, in whichever order they are reported", () =>
    Effect.gen(function* () {
      const { ticketIds: [id] } = yield* prepare(3, 1)
      const ticket = yield* clientOf(id!)
      yield* ticket.Generated({
        webhookId: "req_2",
        generatedAt: at("11:00:00"),
        ticket: good(id!, "second")
      })
      yield* ticket.Generated({ webhookId: "req_1", generatedAt: at("10:00:00"), ticket: good(id!, "first") })
      assert.strictEqual((yield* stored(id!)).file_url, `https://files.example.com/${id}-second.pdf`)
    }))

  /** Reports in the order given, each with its minute; answers what is stored in the end. */
  const reported = Effect.fnUntraced(function* (
    eventId: number,
    reports: (id: number) => ReadonlyArray<readonly [at: string, data: Partial<GenerationData>]>
  ) {
    const { ticketIds: [id] } = yield* prepare(eventId, 1)
    const ticket = yield* clientOf(id!)
    for (const [number, [minute, named]] of reports(id!).entries()) {
      const nothing = { format: "pdf", qr_code: true, file_url: null, qr_url: null, file_size: null }
      yield* ticket.Generated({
        webhookId: `req_${number}`,
        generatedAt: at(`10:${minute}:00`),
        ticket: { ...good(id!), data: { ...nothing, ...named } }
      })
    }
    return { id: id!, stored: yield* stored(id!) }
  })

  const ours = (id: number) => ({
    file_key: `tickets/${id}/ticket.pdf`,
    file_url: "https://tickets.example.com/ours.pdf",
    file_size: 7,
    qr_key: `tickets/${id}/qr.png`,
    qr_url: "https://tickets.example.com/ours.png"
  })

  const theirs = { file_url: "https://files.example.com/theirs.pdf", file_size: 9 }

  it.effect("has the file of its address: a key goes with the address that it came with", () =>
    Effect.gen(function* () {
      const { id, stored } = yield* reported(5, (id) => [["01", ours(id)], ["02", theirs]])
      assert.deepInclude(stored, { ...ours(id), ...theirs, file_key: null, generated_at: at("10:02:00") })
      const late = yield* reported(7, (id) => [["02", theirs], ["01", ours(id)]])
      assert.deepInclude(late.stored, { ...ours(late.id), ...theirs, file_key: null })
    }))

  it.effect("keeps what a later report does not name, and takes what is missing from an earlier one", () =>
    Effect.gen(function* () {
      const later = yield* reported(8, (id) => [["01", ours(id)], ["02", {}], ["03", {
        file_key: "tickets/other.pdf"
      }]])
      assert.deepInclude(later.stored, ours(later.id))
      const earlier = yield* reported(9, (id) => [["03", {}], ["02", { file_key: "tickets/other.pdf" }], [
        "01",
        ours(id)
      ]])
      assert.deepInclude(earlier.stored, ours(earlier.id))
      assert.deepStrictEqual(earlier.stored.generated_at, at("10:03:00"))
    }))

  it.effect("learns the key of the same address from either report of it", () =>
    Effect.gen(function* () {
      const withoutKeys = (id: number) => {
        const { file_key: _file, qr_key: _qr, ...rest } = ours(id)
        return rest
      }
      const one = yield* reported(10, (id) => [["01", ours(id)], ["02", withoutKeys(id)]])
      assert.deepInclude(one.stored, ours(one.id))
      const other = yield* reported(11, (id) => [["02", withoutKeys(id)], ["01", ours(id)]])
      assert.deepInclude(other.stored, ours(other.id))
    }))

  it.effect("that failed and was generated after all mends the last job that it failed", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [id], view } = yield* prepare(6, 1)
      const ticket = yield* clientOf(id!)
      yield* job.Start({ jobId })
      yield* ticket.Generated({ webhookId: "req_1", generatedAt: at("10:00:00"), ticket: bad(id!) })
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("00:00:00"), tickets: [] })
      assert.strictEqual((yield* view).status, "failed")
      yield* ticket.Generated({ webhookId: "req_2", generatedAt: at("10:00:01"), ticket: good(id!) })
      yield* job.BatchGenerated({ webhookId: "wh_2", generatedAt: at("00:00:00"), tickets: [] })
      assert.deepInclude(yield* view, { status: "completed", generated: 1, failed: 0, error: null })
      yield* ticket.Generated({ webhookId: "req_3", generatedAt: at("10:00:02"), ticket: bad(id!) })
      yield* job.BatchGenerated({ webhookId: "wh_3", generatedAt: at("00:00:00"), tickets: [] })
      assert.strictEqual((yield* view).status, "completed")
      assert.isNotNull((yield* stored(id!)).file_url)
    }))

  it.effect("that does not exist is not found", () =>
    Effect.gen(function* () {
      const ticket = yield* clientOf(999_999)
      const news = { webhookId: "req_1", generatedAt: at("10:00:00"), ticket: good(999_999) }
      assert.strictEqual((yield* Effect.flip(ticket.Generated(news)))._tag, "TicketNotFound")
    }))
})
