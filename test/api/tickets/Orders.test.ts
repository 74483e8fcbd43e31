/**
 * The tickets of an order or of some guests in one document. Guards whose removal turns this file red: the owner, the
 * limit, `no-store`, the named ticket, guests without a ticket, the bound on documents at once, the name of a document that all of it decides, the failure that is told.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { EventStore } from "../../../src/store/EventStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { eventData, voidTicket } from "../../support/GateFixture.ts"
import { until } from "../../support/FlowClient.ts"
import { checkStructure, codesIn, has, infoOf, pagesOf, textOf } from "../../support/PdfTools.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

/** An order of alice's: a flow as it is stored, with a ticket a name. */
const order = Effect.fnUntraced(function* (eventId: number, names: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventStore
  const flowId = `flow_${eventId}`
  yield* events.publish(eventId, "alice", eventData(eventId, { max_attendees: 2_000 }))
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    VALUES (${flowId}, 'complete', 'alice', ${eventId}, 'completed', '{}', now())`
  const guestIds = names.map((_, at) => at + 1)
  yield* events.registerGuests(
    eventId,
    flowId,
    names.map((name, at) => ({ guest_id: at + 1, name, email: "a@example.com", ticket_type: "VIP" }))
  )
  const ids = yield* (yield* TicketStore).issue({
    eventId,
    flowId,
    templateId: 1,
    guestIds,
    paymentState: "free"
  })
  return { ids, url: `/api/orders/${flowId}/tickets.pdf` }
})

const fetchPdf = Effect.fnUntraced(function* (url: string) {
  const app = yield* TestApp
  const response = yield* app.fetch(url, { headers: { authorization: `Bearer ${app.organizer}` } })
  const bytes = new Uint8Array(yield* Effect.promise(() => response.arrayBuffer()))
  assert.strictEqual(response.status, 200, Buffer.from(bytes).toString().slice(0, 500))
  return { bytes, headers: response.headers }
})

layer(TestAppLayer.layer, { excludeTestServices: true })("an order's document", (it) => {
  it.effect.skipIf(!has("pdfinfo", "pdftotext", "pdftoppm", "zbarimg", "qpdf"))(
    "has a page for each live ticket, with its own code",
    () =>
      Effect.gen(function* () {
        const tickets = yield* TicketStore
        const { ids, url } = yield* order(21, ["Žofie", "Ελένη", "Дмитрий"])
        yield* voidTicket(ids[1]!)
        const { bytes, headers } = yield* fetchPdf(url)
        assert.strictEqual(headers.get("content-type"), "application/pdf")
        assert.strictEqual(headers.get("cache-control"), "no-store")
        assert.match(headers.get("content-disposition")!, /^inline; filename="tickets-flow_\w+\.pdf"$/)
        checkStructure(bytes)
        assert.match(infoOf(bytes), /Title:\s+Billets · Conférence/)
        assert.match(infoOf(bytes), /Pages:\s+2/)
        const text = textOf(bytes)
        assert.include(text, "Žofie")
        assert.notInclude(text, "Ελένη")
        const codes = pagesOf(bytes, 110).flatMap(codesIn)
        const live = yield* Effect.forEach([ids[0]!, ids[2]!], tickets.get)
        assert.deepStrictEqual(codes, live.map(({ qr_data }) => qr_data))
      }),
    60_000
  )

  it.effect.skipIf(!has("pdfinfo"))("comes on the 80 mm roll too", () =>
    Effect.gen(function* () {
      const { url } = yield* order(22, ["Ana"])
      assert.match(infoOf((yield* fetchPdf(`${url}?format=roll80`)).bytes), /Page size:\s+226\.7\d* x/)
      const app = yield* TestApp
      assert.strictEqual((yield* app.ask(`${url}?format=a3`, { token: app.organizer })).status, 422)
    }))

  it.effect.skipIf(!has("pdfinfo", "pdftotext"))(
    "is made for some guests, in their order, each once",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        yield* order(23, ["Ana", "Bea", "Cid"])
        const url = "/api/events/23/tickets.pdf"
        const text = textOf((yield* fetchPdf(`${url}?guest_id=3&guest_id=1&guest_id=3`)).bytes)
        assert.isAbove(text.indexOf("Ana"), text.indexOf("Cid"))
        assert.notInclude(text, "Bea")
        const one = yield* fetchPdf(`${url}?guest_id=2`)
        assert.match(infoOf(one.bytes), /Pages:\s+1/)
        assert.strictEqual(one.headers.get("content-disposition"), 'inline; filename="tickets-event-23.pdf"')
        const unknown = yield* app.ask(`${url}?guest_id=1&guest_id=9`, { token: app.organizer })
        assert.strictEqual(unknown.status, 404)
        assert.include(unknown.json.detail, "Guest 9")
        assert.strictEqual((yield* app.ask(url, { token: app.organizer })).status, 422)
        assert.strictEqual((yield* app.ask(`${url}?guest_id=x`, { token: app.organizer })).status, 422)
      })
  )

  it.effect.skipIf(!has("pdfinfo", "qpdf"))(
    "of many tickets is drawn in the background, stays where it was announced, and is another when a name changes",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const sql = yield* SqlClient.SqlClient
        const { ids, url } = yield* order(28, Array.from({ length: 120 }, (_, at) => `Guest ${at} 张伟`))
        const ask = Effect.gen(function* () {
          const response = yield* app.fetch(url, { headers: { authorization: `Bearer ${app.organizer}` } })
          const bytes = new Uint8Array(yield* Effect.promise(() => response.arrayBuffer()))
          return { bytes, headers: response.headers, status: response.status }
        })
        const announced = yield* ask
        assert.strictEqual(announced.status, 202)
        assert.strictEqual(announced.headers.get("retry-after"), "2")
        const body = JSON.parse(Buffer.from(announced.bytes).toString())
        assert.deepInclude(body, { status: "drawing", tickets: 120 })
        const { bytes } = yield* until(ask, ({ status }) => status !== 202)
        checkStructure(bytes)
        assert.match(infoOf(bytes), /Pages:\s+120/)
        const link = body.file_url.slice(new URL(body.file_url).origin.length)
        const linked = yield* app.fetch(link)
        assert.strictEqual(linked.status, 200)
        assert.deepStrictEqual(new Uint8Array(yield* Effect.promise(() => linked.arrayBuffer())), bytes)
        assert.strictEqual((yield* ask).status, 200)

        yield* sql`UPDATE guests SET name = 'Ana' WHERE event_id = 28 AND guest_id = 1`
        assert.strictEqual((yield* ask).status, 202)
        yield* until(ask, ({ status }) => status === 200)

        yield* sql`UPDATE tickets SET qr_data = ${"x".repeat(1_500)} WHERE ticket_id = ${ids[1]!}`
        assert.strictEqual((yield* ask).status, 202)
        assert.strictEqual((yield* until(ask, ({ status }) => status !== 202)).status, 409)
        assert.strictEqual((yield* ask).status, 202)
      }),
    120_000
  )

  it.effect("is its organiser's alone", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const tokens = yield* TokenStore
      const { url } = yield* order(24, ["Ana"])
      const tokenOf = (role: "organizer" | "operator") =>
        Effect.map(
          tokens.create({ role, subject: "bob", owner: "bob" }),
          ({ token }) => Redacted.value(token)
        )
      const [bob, steward] = [yield* tokenOf("organizer"), yield* tokenOf("operator")]
      for (const path of [url, "/api/events/24/tickets.pdf?guest_id=1"]) {
        assert.strictEqual((yield* app.ask(path, { token: bob })).status, 404)
        assert.strictEqual((yield* app.ask(path, { token: steward })).status, 403)
        assert.strictEqual((yield* app.ask(path)).status, 401)
        assert.strictEqual((yield* app.ask(path, { token: app.admin })).status, 200)
      }
      const nothing = yield* app.ask("/api/orders/flow_nothing/tickets.pdf", { token: app.organizer })
      assert.strictEqual(nothing.status, 404)
    }))

  it.effect(
    "says which ticket cannot be printed, when none is left, and when there are too many",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const tickets = yield* TicketStore
        const bad = yield* order(25, ["Ana", "王"])
        const sql = yield* SqlClient.SqlClient
        yield* sql`UPDATE tickets SET qr_data = ${"x".repeat(1_500)} WHERE ticket_id = ${bad.ids[1]!}`
        const refused = yield* app.ask(bad.url, { token: app.organizer })
        assert.strictEqual(refused.status, 409)
        assert.include(refused.json.detail, (yield* tickets.get(bad.ids[1]!)).ticket_code)
        assert.include(refused.json.detail, "qr: ")
        yield* Effect.forEach(bad.ids, voidTicket)
        assert.strictEqual((yield* app.ask(bad.url, { token: app.organizer })).status, 409)

        const many = yield* order(26, Array.from({ length: 501 }, (_, at) => `Guest ${at}`))
        const tooMany = yield* app.ask(many.url, { token: app.organizer })
        assert.strictEqual(tooMany.status, 409)
        assert.include(tooMany.json.detail, "500")
      }),
    60_000
  )

  it.effect(
    "are drawn in turn: whoever asks for more than five at once is told when to come again",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const { url } = yield* order(29, Array.from({ length: 60 }, (_, at) => `Guest ${at}`))
        const responses = yield* Effect.all(
          Array.from({ length: 8 }, () => app.ask(url, { token: app.organizer })),
          { concurrency: "unbounded" }
        )
        const refused = responses.filter(({ status }) => status !== 200)
        assert.deepStrictEqual(refused.map(({ status }) => status), [503, 503, 503])
        for (const { headers } of refused) assert.strictEqual(headers.get("retry-after"), "5")
        assert.strictEqual((yield* app.ask(url, { token: app.organizer })).status, 200)
      }),
    60_000
  )
})
