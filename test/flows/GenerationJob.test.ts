/** Flow 1: a job of tickets becomes files, the generator gets the documented body, and the files open by their links. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SignedUrl } from "../../src/files/SignedUrl.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import documented from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import toGenerator from "../fixtures/bodies/1-generation-job.to-ticket-generator.json" with { type: "json" }
import { bodyFor, follow, guestsNamed, read, run, unwritable } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { overhear, spoilTickets } from "../support/Witness.ts"

const route = "/api/tickets/generation-jobs"
const five = guestsNamed("Jean Dupont", "Jane Smith", "Ann Lee", "Bob Ray", "Eve Fox")

/** Tickets 1 to 5, of which nothing is generated yet. */
const prepare = (eventId: number) =>
  run(bodyFor(eventId, {
    guests: five,
    ticket_config: { generate_pdf: false, generate_qr: false },
    payment_config: { amount: 0 }
  }))

const shapeOf = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(shapeOf)[0]
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]).sort())
    : typeof value

const generate = Effect.fnUntraced(function* (body: unknown, path = route) {
  const app = yield* TestApp
  const answer = yield* app.ask(path, { token: app.organizer, body })
  assert.strictEqual(answer.status, 202, answer.text)
  yield* follow(answer.json.events_url)
  return { accepted: answer, job: (yield* read(answer.json.status_url)).json }
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a generation job", (it) => {
  it.effect("takes the documented body unchanged, and sends the generator the documented one", () =>
    Effect.gen(function* () {
      yield* prepare(1)
      const heard = yield* overhear("tickets")
      const { accepted, job } = yield* generate(documented)
      assert.deepStrictEqual(Object.keys(accepted.json), [
        "job_id",
        "status",
        "total",
        "status_url",
        "events_url"
      ])
      assert.strictEqual(accepted.headers.get("location"), accepted.json.status_url)
      assert.strictEqual(accepted.json.total, 5)
      assert.strictEqual(job.status, "completed")
      assert.strictEqual(job.generated, 5)
      assert.deepStrictEqual(
        job.tickets.map((ticket: { ticket_id: number }) => ticket.ticket_id),
        documented.ticket_ids
      )
      assert.strictEqual(heard.length, 1)
      const [{ headers, json, path }] = heard as [typeof heard[number]]
      assert.strictEqual(path, "/api/tickets/generate")
      assert.deepStrictEqual(shapeOf(json), shapeOf(toGenerator))
      assert.deepStrictEqual(json.options, toGenerator.options)
      assert.strictEqual(json.job_id, accepted.json.job_id)
      assert.strictEqual(json.event_id, toGenerator.event_id)
      assert.deepStrictEqual(json.tickets.map((ticket: { id: number }) => ticket.id), documented.ticket_ids)
      assert.deepStrictEqual(json.tickets[0].template, toGenerator.tickets[0]!.template)
      assert.strictEqual(json.tickets[0].event.event_date, toGenerator.tickets[0]!.event.event_date)
      assert.strictEqual(json.tickets[0].guest.last_name, "Dupont")
      const qr = JSON.parse(json.tickets[0].qr_code_data)
      assert.includeMembers(Object.keys(qr), Object.keys(JSON.parse(toGenerator.tickets[0]!.qr_code_data)))
      assert.strictEqual(headers.get("x-service-name"), "event-planner-core")
      assert.strictEqual(headers.get("x-job-priority"), documented.options.priority)
      assert.strictEqual(headers.get("content-type"), "application/json")
    }).pipe(Effect.scoped))

  it.effect("sent again is the same job, with a slash and without", () =>
    Effect.gen(function* () {
      const { accepted } = yield* generate(documented)
      const again = yield* generate(documented, `${route}/`)
      assert.strictEqual(again.accepted.json.job_id, accepted.json.job_id)
      const keyed = yield* generate({ ...documented, options: { ...documented.options, qrSize: "large" } })
      assert.notStrictEqual(keyed.accepted.json.job_id, accepted.json.job_id)
    }))

  it.effect("makes files that open by their signed links, and by no other", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { json: ticket } = yield* read("/api/tickets/1")
      const pdf = yield* read("/api/tickets/1.pdf")
      assert.isTrue(pdf.text.startsWith("%PDF-"))
      const link = (url: string) => url.slice(new URL(url).origin.length)
      const file = yield* app.ask(link(ticket.file_url))
      assert.strictEqual(file.status, 200)
      assert.strictEqual(file.headers.get("content-type"), "application/pdf")
      assert.strictEqual(file.headers.get("cache-control"), "no-store")
      assert.strictEqual(file.text, pdf.text)
      assert.strictEqual((yield* app.ask(link(ticket.qr_url))).status, 200)
      const forged = [
        link(ticket.file_url).replace(/signature=.*/, ""),
        link(ticket.file_url).replace(/signature=..../, "signature=AAAA"),
        link(ticket.file_url).replace(/expires=\d/, "expires=9"),
        link(ticket.file_url).replace(/^[^?]*/, link(ticket.qr_url).replace(/\?.*/, ""))
      ]
      for (const path of forged) assert.strictEqual((yield* app.ask(path)).status, 403, path)
      const key = link(ticket.file_url).replace(/^\/files\//, "").replace(/\?.*/, "")
      const secret = (yield* ServiceSecrets).derived("ticket-generator-service", "file-link.v2").signing
      const expired = SignedUrl.make({ baseUrl: "http://localhost", key, expires: 1_700_000_000, secret })
      assert.strictEqual((yield* app.ask(link(expired))).status, 410)
      const gone = SignedUrl.make({
        baseUrl: "http://localhost",
        key: `${key}x`,
        expires: 9_999_999_999,
        secret
      })
      assert.strictEqual((yield* app.ask(link(gone))).status, 404)
      for (const path of ["/files/../secrets/admin-token", "/files/%2e%2e/secrets", "/files/", "/files"]) {
        assert.strictEqual((yield* app.ask(path)).status, 404, path)
      }
    }))

  it.effect("names each ticket that it cannot take, and takes none", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const other = yield* prepare(2)
      const [first] = (yield* generate({ ...documented, ticket_ids: [6] })).job.tickets
      assert.strictEqual(first.ticket_id, 6)
      assert.strictEqual(other.flow.event_id, 2)
      const body = { ...documented, ticket_ids: [1, 6, 99, 2] }
      const answer = yield* app.ask(route, { token: app.organizer, body })
      assert.strictEqual(answer.status, 422)
      assert.deepStrictEqual(answer.json.errors, [
        { pointer: "/ticket_ids/1", detail: "Ticket 6 belongs to another event than the first one." },
        { pointer: "/ticket_ids/2", detail: "There is no ticket 99." }
      ])
    }))

  it.effect("fails the ticket that cannot be printed, and that one only", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* run(bodyFor(3, {
        guests: guestsNamed("Jean Dupont", unwritable),
        ticket_config: { generate_pdf: false, generate_qr: false },
        payment_config: { amount: 0 }
      }))
      yield* spoilTickets
      const { job } = yield* generate({ ...documented, ticket_ids: [11, 12] })
      assert.strictEqual(job.status, "partially_failed")
      assert.deepStrictEqual([job.generated, job.failed], [1, 1])
      assert.include(job.tickets[1].reason, "date: ")
      const answer = yield* app.ask("/api/tickets/12.pdf", { token: app.organizer })
      assert.strictEqual(answer.status, 409)
      assert.strictEqual(answer.json.type, "/problems/conflict")
    }))
})
