/**
 * An object store that nobody answers for. Guards whose removal turns this file red: `fileStoreAway` on each of the
 * routes, its declaration in the contract.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { QrImage } from "../../../src/print/qr/QrImage.ts"
import { qrMatrix } from "../../../src/print/qr/QrMatrix.ts"
import { EventStore } from "../../../src/store/EventStore.ts"
import { InvoiceStore } from "../../../src/payments/invoices/InvoiceStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { eventData } from "../../support/GateFixture.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Answer, TestApp } from "../../support/TestApp.ts"

/** Nothing listens on port 9 (discard). */
const away = TestAppLayer.layerWith({
  FILES_S3_ENDPOINT: "http://127.0.0.1:9",
  FILES_S3_BUCKET: "guichet-files",
  FILES_S3_REGION: "eu-west-3",
  FILES_S3_ACCESS_KEY_ID: "AKIDAWAY",
  FILES_S3_SECRET_ACCESS_KEY: "nobody"
})

/** A ticket of alice's whose file and logo are in the store that is away. */
const issued = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventStore
  yield* events.publish(61, "alice", eventData(61))
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    VALUES ('flow_61', 'complete', 'alice', 61, 'completed', '{}', now())`
  yield* events.registerGuests(61, "flow_61", [
    { guest_id: 1, name: "Ana", email: "a@example.com", ticket_type: "VIP" }
  ])
  const [id] = yield* (yield* TicketStore).issue({
    eventId: 61,
    flowId: "flow_61",
    templateId: 1,
    guestIds: [1],
    paymentState: "free"
  })
  yield* sql`UPDATE tickets SET file_key = 'tickets/61/1.pdf' WHERE ticket_id = ${id!}`
  yield* sql`
    INSERT INTO template_styles (owner, template_id, logo_key, logo_digest)
    VALUES ('alice', 1, 'logos/away/1.png', 'digest')`
  yield* sql`
    INSERT INTO payments (payment_id, owner, amount, currency, status, gateway, settled_at)
    VALUES ('pay_61', 'alice', 9999, 'EUR', 'settled', 'stripe', now())`
  const { number } = yield* (yield* InvoiceStore).issue("pay_61")
  return { id: id!, number }
})

const isAway = ({ headers, json, status, text }: Answer, path: string) => {
  assert.strictEqual(status, 503, `${path} ${text}`)
  assert.strictEqual(headers.get("content-type"), "application/problem+json", path)
  assert.strictEqual(headers.get("retry-after"), "5", path)
  assert.strictEqual(json.type, "/problems/unavailable", path)
  for (const secret of ["127.0.0.1:9", "AKIDAWAY", "guichet-files", "FILES_S3"]) {
    assert.notInclude(text, secret)
  }
}

layer(away, { excludeTestServices: true })("while the file store is away", (it) => {
  it.effect("what needs it is 503 with Retry-After, and a logo can still be given up", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { id, number } = yield* issued
      const paths = [
        `/api/tickets/${id}.pdf`,
        `/api/tickets/${id}.pdf?format=a4`,
        "/api/orders/flow_61/tickets.pdf",
        "/api/events/61/tickets.pdf?guest_id=1",
        `/api/invoices/${number}.pdf`
      ]
      const answers = yield* Effect.forEach(
        paths,
        (path) => app.ask(path, { token: app.organizer }),
        { concurrency: "unbounded" }
      )
      paths.forEach((path, at) => isAway(answers[at]!, path))
      const response = yield* app.fetch("/api/templates/1/logo", {
        method: "PUT",
        headers: { authorization: `Bearer ${app.organizer}`, "content-type": "image/png" },
        body: new Blob([new Uint8Array(QrImage.png(qrMatrix("logo"), "small"))])
      })
      const text = yield* Effect.promise(() => response.text())
      isAway({ status: response.status, headers: response.headers, text, json: JSON.parse(text) }, "PUT logo")
      const removed = yield* app.ask("/api/templates/1/logo", { method: "DELETE", token: app.organizer })
      assert.strictEqual(removed.status, 200)
      assert.isNull(removed.json.logo_url)
    }))

  it.effect("the contract says so", () =>
    Effect.gen(function* () {
      const { json } = yield* (yield* TestApp).ask("/openapi.json")
      const operations = [
        json.paths["/api/tickets/{ticket_id}"].get,
        json.paths["/api/orders/{order_id}/tickets.pdf"].get,
        json.paths["/api/events/{event_id}/tickets.pdf"].get,
        json.paths["/api/templates/{template_id}/logo"].put,
        json.paths["/api/invoices/{file}"].get
      ]
      for (const { responses } of operations) {
        assert.deepStrictEqual(Object.keys(responses["503"].content), ["application/problem+json"])
      }
    }))
})
