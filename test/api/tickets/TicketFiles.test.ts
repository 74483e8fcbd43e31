/**
 * A ticket's stored files as they are handed out. Guards whose removal turns this file red: the link that is made anew,
 * for both files; the old link of a ticket whose event is to come, and not of a voided one; the keys that are none; the file that is gone, also an invoice's; the voided ticket, in each answer.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { FileStore } from "../../../src/files/FileStore.ts"
import { SignedUrl } from "../../../src/files/SignedUrl.ts"
import { ServiceSecrets } from "../../../src/trust/ServiceSecrets.ts"
import { EventStore } from "../../../src/store/EventStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { bodyFor, read, run, until } from "../../support/FlowClient.ts"
import { eventData, voidTicket } from "../../support/GateFixture.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import * as Webhooks from "../../support/Webhooks.ts"

const pathOf = (url: string) => url.slice(new URL(url).origin.length)

/** A link that was made long ago, for another address. */
const oldLink = (key: string) =>
  Effect.map(ServiceSecrets, (secrets) =>
    SignedUrl.make({
      baseUrl: "https://moved.example.com",
      key,
      expires: 1_700_000_000,
      secret: secrets.derived("ticket-generator-service", "file-link.v2").signing
    }))

/** A ticket of alice's event whose files the generator has reported, under these keys. */
const reported = Effect.fnUntraced(function* (eventId: number, file_key: string, qr_key: string) {
  const events = yield* EventStore
  yield* events.publish(eventId, "alice", eventData(eventId))
  yield* events.registerGuests(eventId, null, [
    { guest_id: 1, name: "Ana", email: "a@example.com", ticket_type: "VIP" }
  ])
  const request = { eventId, flowId: null, templateId: 1, guestIds: [1], paymentState: "free" as const }
  const [id] = yield* (yield* TicketStore).issue(request)
  const [file_url, qr_url] = [yield* oldLink(file_key), yield* oldLink(qr_key)]
  yield* Webhooks.ticket({
    event_type: "ticket.generated",
    ticket_id: id!,
    generation_data: { format: "pdf", qr_code: true, file_url, qr_url, file_size: 8, file_key, qr_key },
    generated_at: "2025-01-15T10:25:00Z"
  })
  const url = `/api/tickets/${id}`
  const { json } = yield* until(read(url), ({ json }) => json.generated_at !== null)
  return { id: id!, url, view: json, links: { file_url, qr_url } }
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a ticket's files", (it) => {
  it.effect("open by links that are made when the ticket is read, however old the stored ones are", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const files = yield* FileStore
      const [pdf, png] = ["tickets/71/1.pdf", "tickets/71/1-qr.png"]
      yield* files.put(pdf, new TextEncoder().encode("%PDF-1.7"), "application/pdf")
      yield* files.put(png, new Uint8Array([1]), "image/png")
      const { links, view } = yield* reported(71, pdf, png)
      for (const [name, stored] of Object.entries(links)) {
        assert.strictEqual((yield* app.ask(pathOf(stored))).status, 410)
        assert.isTrue(view[name].startsWith("http://localhost"), view[name])
        assert.strictEqual((yield* app.ask(pathOf(view[name]))).status, 200, name)
      }
    }))

  it.effect("are at the address that came with a key that is none of ours", () =>
    Effect.gen(function* () {
      const { links, url, view } = yield* reported(72, "their-own-name", "../qr.png")
      assert.deepInclude(view, links)
      const answer = yield* read(`${url}.pdf`)
      assert.strictEqual(answer.status, 409)
      assert.include(answer.json.detail, "kept elsewhere")
    }))

  it.effect("that are gone are 409, and the ticket can be drawn anew; so is an invoice's", () =>
    Effect.gen(function* () {
      const { url } = yield* reported(73, "tickets/73/lost.pdf", "tickets/73/lost.png")
      const lost = yield* read(`${url}.pdf`)
      assert.strictEqual(lost.status, 409, lost.text)
      assert.include(lost.json.detail, "not in the store")
      assert.strictEqual((yield* read(`${url}.pdf?format=a4`)).status, 200)
      const { flow } = yield* run(bodyFor(74))
      const invoice = `/api/invoices/${flow.invoice_number}.pdf`
      assert.strictEqual((yield* read(invoice)).status, 200)
      yield* (yield* FileStore).remove(`invoices/${flow.invoice_number}.pdf`)
      const gone = yield* read(invoice)
      assert.strictEqual(gone.status, 409, gone.text)
      assert.include(gone.json.detail, "not in the store")
    }))

  it.effect("open by an old link of ours as long as the ticket lives and its event is not over", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const sql = yield* SqlClient.SqlClient
      const first = yield* reported(76, "tickets/76/none.pdf", "tickets/76/none.png")
      const [pdf, png] = [`tickets/76/${first.id}.pdf`, `tickets/76/${first.id}-qr.png`]
      const files = yield* FileStore
      yield* files.put(pdf, new TextEncoder().encode("%PDF-1.7"), "application/pdf")
      yield* files.put(png, new Uint8Array([1]), "image/png")
      yield* sql`UPDATE tickets SET file_key = ${pdf}, qr_key = ${png} WHERE ticket_id = ${first.id}`
      const old = yield* Effect.forEach([pdf, png], oldLink)
      const statuses = Effect.forEach(
        old,
        (link) => Effect.map(app.ask(pathOf(link)), ({ status }) => status)
      )
      const startsIn = (days: number) =>
        sql`UPDATE events SET starts_at = now() + make_interval(days => ${days}::int) WHERE event_id = 76`
      assert.deepStrictEqual(yield* statuses, [410, 410])
      yield* startsIn(200)
      assert.deepStrictEqual(yield* statuses, [200, 200])
      const forged = pathOf(old[0]!).replace(/expires=17/, "expires=16")
      assert.strictEqual((yield* app.ask(forged)).status, 403)
      const { json } = yield* read(first.url)
      const expires = Number(new URL(json.file_url).searchParams.get("expires"))
      assert.isAbove(expires - Date.now() / 1000, 206 * 86_400)
      yield* startsIn(-6)
      assert.deepStrictEqual(yield* statuses, [200, 200])
      yield* startsIn(-8)
      assert.deepStrictEqual(yield* statuses, [410, 410])
      yield* startsIn(1)
      yield* voidTicket(first.id)
      assert.deepStrictEqual(yield* statuses, [410, 410])
    }))

  it.effect("of a voided ticket are not handed out any more", () =>
    Effect.gen(function* () {
      const pdf = "tickets/75/1.pdf"
      yield* (yield* FileStore).put(pdf, new TextEncoder().encode("%PDF-1.7"), "application/pdf")
      const { id, url } = yield* reported(75, pdf, "tickets/75/1-qr.png")
      assert.strictEqual((yield* read(`${url}.pdf`)).status, 200)
      yield* voidTicket(id)
      for (const path of [`${url}.pdf`, `${url}.pdf?format=a4`]) {
        const answer = yield* read(path)
        assert.strictEqual(answer.status, 409, path)
        assert.include(answer.json.detail, "voided")
      }
      assert.deepInclude((yield* read(url)).json, { status: "voided", file_url: null, qr_url: null })
    }))
})
