/** Flow 2: the documented webhook, believed by its signature alone, does its four things once. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import documented from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { bodyFor, outbox, read, run, runOverdue, until } from "../support/FlowClient.ts"
import * as PdfTools from "../support/PdfTools.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import * as Webhooks from "../support/Webhooks.ts"
import { ownRowCounts } from "../support/Witness.ts"

const webhook = (paymentId: string, eventType: string, change: object = {}) => ({
  ...documented,
  payment_id: paymentId,
  event_type: eventType,
  webhook_id: `wh_${randomUUID()}`,
  ...change
})

const statusOf = (paymentId: string, status: string) =>
  Effect.map(
    until(read(`/api/payments/${paymentId}`), ({ json }) => json?.status === status),
    ({ json }) => json
  )

const isReceived = (answer: Answer, outcome: string) => {
  assert.strictEqual(answer.status, 200, answer.text)
  assert.deepStrictEqual(Object.keys(answer.json), ["received", "webhook_id", "outcome"])
  assert.strictEqual(answer.json.outcome, outcome)
}

layer(TestAppLayer.layer, { excludeTestServices: true })("a payment webhook", (it) => {
  it.effect("of a payment never heard of settles it, unlocks its template, confirms and invoices", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(1))
      const answer = yield* Webhooks.payment(documented)
      isReceived(answer, "queued")
      const { json: payment } = yield* until(
        read(`/api/payments/${documented.payment_id}`),
        ({ json }) => json?.status === "settled" && json.invoice_number !== null
      )
      assert.strictEqual(payment.amount, documented.amount)
      assert.strictEqual(payment.currency, documented.currency)
      assert.strictEqual(payment.settled_at, "2025-06-15T14:30:00.000Z")
      assert.deepStrictEqual(payment.template_access, [documented.metadata.template_id])
      const letters = yield* until(outbox(documented.payment_id), (files) => Object.keys(files).length > 0)
      assert.strictEqual(Object.keys(letters).length, 1)
      const [letter] = Object.values(letters)
      assert.include(letter, "To: customer@example.com")
      assert.include(letter, `filename=${payment.invoice_number}.pdf`)
      const invoice = yield* (yield* TestApp).fetch(`/api/invoices/${payment.invoice_number}.pdf`, {
        headers: { authorization: `Bearer ${(yield* TestApp).organizer}` }
      })
      const pdf = new Uint8Array(yield* Effect.promise(() => invoice.arrayBuffer()))
      assert.strictEqual(invoice.headers.get("content-type"), "application/pdf")
      assert.strictEqual(
        invoice.headers.get("content-disposition"),
        `inline; filename="${payment.invoice_number}.pdf"`
      )
      if (!PdfTools.has("pdftotext", "qpdf")) return
      PdfTools.checkStructure(pdf)
      const text = PdfTools.textOf(pdf)
      for (const words of [payment.invoice_number, "John Doe", "99,99"]) assert.include(text, words)
    }))

  it.effect("again, with and without a slash and eight times at once, is answered alike and does nothing more", () =>
    Effect.gen(function* () {
      const first = yield* Webhooks.payment(documented)
      const before = yield* ownRowCounts
      const again = Array.from(
        { length: 8 },
        (_, at) =>
          Webhooks.payment(documented, {
            path: at % 2 === 0 ? "/api/payment-webhook-routes" : "/api/payment-webhook-routes/"
          })
      )
      for (const answer of yield* Effect.all(again, { concurrency: "unbounded" })) {
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.text, first.text)
      }
      assert.deepStrictEqual(yield* ownRowCounts, before)
      isReceived(yield* Webhooks.payment(webhook(documented.payment_id, "payment.completed")), "queued")
      isReceived(yield* Webhooks.payment(webhook(documented.payment_id, "payment.failed")), "queued")
      const refund = webhook(documented.payment_id, "payment.refunded")
      isReceived(yield* Webhooks.payment(refund), "queued")
      const payment = yield* statusOf(documented.payment_id, "refunded")
      assert.deepStrictEqual(payment.template_access, [])
      const letters = yield* until(outbox(documented.payment_id), (files) => Object.keys(files).length > 1)
      assert.strictEqual(Object.keys(letters).length, 2)
      const after = yield* ownRowCounts
      assert.strictEqual(after["invoices"], before["invoices"]! + 1)
      assert.strictEqual(payment.credit_notes.length, 1)
      const told = Object.values(letters).find((letter) => letter.includes(payment.credit_notes[0]))
      assert.include(told, `filename=${payment.credit_notes[0]}.pdf`)
      const note = yield* (yield* TestApp).fetch(`/api/invoices/${payment.credit_notes[0]}.pdf`, {
        headers: { authorization: `Bearer ${(yield* TestApp).organizer}` }
      })
      const pdf = new Uint8Array(yield* Effect.promise(() => note.arrayBuffer()))
      if (!PdfTools.has("pdftotext", "qpdf")) return
      PdfTools.checkStructure(pdf)
      const text = PdfTools.textOf(pdf)
      for (const words of ["Avoir", payment.credit_notes[0], payment.invoice_number, "-99,99"]) {
        assert.include(text, words)
      }
    }))

  it.effect("that is failed, canceled or disputed says so, whatever came before", () =>
    Effect.gen(function* () {
      isReceived(yield* Webhooks.payment(webhook("pay_order_1", "payment.failed")), "queued")
      yield* statusOf("pay_order_1", "failed")
      isReceived(yield* Webhooks.payment(webhook("pay_order_1", "payment.canceled")), "queued")
      yield* statusOf("pay_order_1", "canceled")
      isReceived(yield* Webhooks.payment(webhook("pay_order_1", "payment.completed")), "queued")
      yield* statusOf("pay_order_1", "settled")
      isReceived(yield* Webhooks.payment(webhook("pay_order_1", "payment.disputed")), "queued")
      yield* statusOf("pay_order_1", "disputed")
      isReceived(yield* Webhooks.payment(webhook("pay_order_2", "payment.refunded")), "queued")
      isReceived(yield* Webhooks.payment(webhook("pay_order_2", "payment.completed")), "queued")
      yield* statusOf("pay_order_2", "refunded")
    }))

  it.effect("of a type that means nothing here is kept and ignored", () =>
    Effect.gen(function* () {
      const before = yield* ownRowCounts
      isReceived(yield* Webhooks.payment(webhook("pay_other", "payment.reviewed")), "ignored")
      const after = yield* ownRowCounts
      assert.strictEqual(after["webhook_deliveries"], before["webhook_deliveries"]! + 1)
      assert.strictEqual(after["payments"], before["payments"])
      assert.strictEqual((yield* read("/api/payments/pay_other")).status, 404)
    }))

  it.effect("that was lost is made up for when the payment is read", () =>
    Effect.gen(function* () {
      const { flow } = yield* run(bodyFor(3))
      const sql = yield* SqlClient.SqlClient
      yield* sql`DELETE FROM payment_events WHERE payment_id = ${flow.payment_id}`
      yield* sql`UPDATE payments SET status = 'pending', settled_at = NULL WHERE payment_id = ${flow.payment_id}`
      const { json: payment } = yield* read(`/api/payments/${flow.payment_id}`)
      assert.strictEqual(payment.status, "settled")
      assert.isNotNull(payment.settled_at)
    }))

  it.effect("of another price than was asked settles nothing", () =>
    Effect.gen(function* () {
      const { flow } = yield* runOverdue(bodyFor(2, { payment_config: { auto_confirm: false } }))
      isReceived(
        yield* Webhooks.payment(webhook(flow.payment_id, "payment.completed", { amount: 1 })),
        "queued"
      )
      isReceived(yield* Webhooks.payment(webhook(flow.payment_id, "payment.failed")), "queued")
      const payment = yield* statusOf(flow.payment_id, "failed")
      assert.isNull(payment.settled_at)
      assert.isNull(payment.invoice_number)
    }))

  it.effect("is 401, and stored nowhere, when anything about its signature is wrong", () =>
    Effect.gen(function* () {
      const body = webhook("pay_forged", "payment.completed")
      const text = JSON.stringify(body)
      const good = yield* Webhooks.payment(webhook("pay_signed", "payment.failed"))
      assert.strictEqual(good.status, 200)
      yield* statusOf("pay_signed", "failed")
      const before = yield* ownRowCounts
      const now = Math.floor(Date.now() / 1000)
      const headers: ReadonlyArray<Record<string, string>> = [
        { "stripe-signature": "" },
        { "stripe-signature": "stripe-signature-example" },
        { "stripe-signature": `t=${now},v1=` },
        { "stripe-signature": `t=${now},v1=abc` },
        { "stripe-signature": `t=${now},v1=${"0".repeat(64)}` },
        { "stripe-signature": `t=${now},v0=${"0".repeat(64)}` },
        { "stripe-signature": `v1=${"0".repeat(64)}` },
        { "x-service-name": "ticket-generator-service" },
        { "x-service-name": "nobody" },
        { "x-service-name": "" },
        { "x-request-id": "" },
        { "x-timestamp": "" },
        { "x-timestamp": "soon" },
        { "x-timestamp": documented.timestamp },
        { "x-timestamp": new Date(Date.now() + 3_600_000).toISOString() }
      ]
      for (const wrong of headers) {
        const answer = yield* Webhooks.payment(text, { headers: wrong })
        assert.strictEqual(answer.status, 401, JSON.stringify(wrong))
        assert.strictEqual(answer.json.type, "/problems/service-refused")
      }
      const bearer = yield* (yield* TestApp).ask("/api/payment-webhook-routes/", {
        token: (yield* TestApp).admin,
        body
      })
      assert.strictEqual(bearer.status, 401)
      assert.deepStrictEqual(yield* ownRowCounts, before)
    }))

  it.effect("is 401 when the signed bytes are not the bytes that came", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const sent: Array<RequestInit> = []
      const spy = TestApp.of({
        ...app,
        ask: (path, ask) => {
          sent.push({ method: "POST", headers: ask!.headers!, body: ask!.body as string })
          return app.ask(path, ask)
        }
      })
      yield* Effect.provideService(Webhooks.payment(webhook("pay_bytes", "payment.failed")), TestApp, spy)
      const { body, headers, method } = sent[0]!
      const respaced = JSON.stringify(JSON.parse(body as string), null, 1)
      const dearer = (body as string).replace("9999", "1")
      for (const other of [respaced, dearer, `${body} `]) {
        const response = yield* app.fetch("/api/payment-webhook-routes/", {
          body: other,
          headers: headers!,
          method: method!
        })
        assert.strictEqual(response.status, 401)
      }
    }))
})
