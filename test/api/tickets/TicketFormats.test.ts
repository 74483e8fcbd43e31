/**
 * A ticket's PDF: the file of its job, or drawn anew on the format that is asked for. Guards whose removal turns this
 * file red: the stored file without `format`, the formats, the owner, `no-store`, the voided ticket, the named ticket.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { FileStore } from "../../../src/files/FileStore.ts"
import { EventStore } from "../../../src/store/EventStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { eventData, voidTicket } from "../../support/GateFixture.ts"
import { checkStructure, codesIn, has, infoOf, pagesOf, textOf } from "../../support/PdfTools.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

/** A ticket of alice's event for a guest of this name. */
const issued = Effect.fnUntraced(function* (eventId: number, name: string) {
  const events = yield* EventStore
  const flowId = `flow_${eventId}`
  yield* events.publish(eventId, "alice", eventData(eventId))
  yield* events.registerGuests(eventId, flowId, [
    { guest_id: 1, name, email: "a@example.com", ticket_type: "VIP" }
  ])
  const [id] = yield* (yield* TicketStore).issue({
    eventId,
    flowId,
    templateId: 1,
    guestIds: [1],
    paymentState: "free"
  })
  return { id: id!, url: `/api/tickets/${id}.pdf` }
})

const fetched = Effect.fnUntraced(function* (url: string) {
  const file = url.slice(url.lastIndexOf("/") + 1).replace(/\?.*/, "")
  const app = yield* TestApp
  const response = yield* app.fetch(url, { headers: { authorization: `Bearer ${app.organizer}` } })
  const bytes = new Uint8Array(yield* Effect.promise(() => response.arrayBuffer()))
  assert.strictEqual(response.status, 200, Buffer.from(bytes).toString().slice(0, 500))
  assert.strictEqual(response.headers.get("content-type"), "application/pdf")
  assert.strictEqual(response.headers.get("cache-control"), "no-store")
  assert.strictEqual(response.headers.get("content-disposition"), `inline; filename="ticket-${file}"`)
  return bytes
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a ticket's PDF", (it) => {
  it.effect.skipIf(!has("pdfinfo", "pdftotext", "pdftoppm", "zbarimg", "qpdf"))(
    "is on A4 or the 80 mm roll when it is asked for, with its own code",
    () =>
      Effect.gen(function* () {
        const { id, url } = yield* issued(41, "Žofie")
        const { qr_data } = yield* (yield* TicketStore).get(id)
        const sizes = {
          a4: /Page size:\s+595\.\d+ x 841/,
          letter: /Page size:\s+612 x 792/,
          roll80: /Page size:\s+226\.7\d* x/,
          roll58: /Page size:\s+164\.4\d* x/
        }
        for (const [format, size] of Object.entries(sizes)) {
          const bytes = yield* fetched(`${url}?format=${format}`)
          checkStructure(bytes)
          assert.match(infoOf(bytes), /Pages:\s+1/)
          assert.match(infoOf(bytes), size)
          assert.include(textOf(bytes), "Žofie")
          assert.deepStrictEqual(pagesOf(bytes, 110).flatMap(codesIn), [qr_data])
        }
      }),
    60_000
  )

  it.effect("is the stored file, byte by byte, when no format is asked for", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { id, url } = yield* issued(42, "Ana")
      assert.strictEqual((yield* app.ask(url, { token: app.organizer })).status, 409)
      const key = "tickets/42/stored.pdf"
      const stored = new TextEncoder().encode("%PDF-1.7 as the job wrote it")
      yield* (yield* FileStore).put(key, stored, "application/pdf")
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE tickets SET file_url = 'https://files.example.com/1.pdf' WHERE ticket_id = ${id}`
      const elsewhere = yield* app.ask(url, { token: app.organizer })
      assert.strictEqual(elsewhere.status, 409)
      assert.include(elsewhere.json.detail, "file_url")
      yield* sql`UPDATE tickets SET file_key = ${key} WHERE ticket_id = ${id}`
      assert.deepStrictEqual(yield* fetched(url), stored)
      assert.notDeepEqual(yield* fetched(`${url}?format=a4`), stored)
      const view = yield* app.ask(`/api/tickets/${id}?format=roll80`, { token: app.organizer })
      assert.strictEqual(view.json.ticket_id, id)
    }))

  it.effect("is its organiser's alone, in a format that exists", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { url } = yield* issued(43, "Ana")
      const { token } = yield* (yield* TokenStore).create({ role: "organizer", subject: "bob" })
      const printed = `${url}?format=roll80`
      assert.strictEqual((yield* app.ask(printed, { token: Redacted.value(token) })).status, 404)
      assert.strictEqual((yield* app.ask(printed)).status, 401)
      assert.strictEqual((yield* app.ask(printed, { token: app.admin })).status, 200)
      assert.strictEqual((yield* app.ask(`${url}?format=a3`, { token: app.admin })).status, 422)
    }))

  it.effect("is not drawn of a voided ticket, and says which one cannot be printed", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const tickets = yield* TicketStore
      const { id, url } = yield* issued(44, "王")
      assert.strictEqual((yield* app.ask(`${url}?format=roll80`, { token: app.organizer })).status, 200)
      yield* (yield* SqlClient.SqlClient)`
        UPDATE tickets SET qr_data = ${"x".repeat(1_500)} WHERE ticket_id = ${id}`
      const printed = Effect.suspend(() => app.ask(`${url}?format=roll80`, { token: app.organizer }))
      const refused = yield* printed
      assert.strictEqual(refused.status, 409)
      assert.include(refused.json.detail, (yield* tickets.get(id)).ticket_code)
      assert.include(refused.json.detail, "qr: ")
      yield* voidTicket(id)
      const voided = yield* printed
      assert.strictEqual(voided.status, 409)
      assert.include(voided.json.detail, "voided")
    }))
})
