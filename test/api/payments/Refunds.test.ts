/**
 * An organiser refunds: whole or in part, by amount or by ticket, each under a key of its own, never more than is left,
 * whoever asks at once and whatever dies on the way; and finds payments, refunds, disputes and documents again.
 * Guards whose removal turns this file red: the key that is asked for, the bound, the lock of the payment's row, that the
 * provider is asked under the refund's name, that the keeper asks for what nobody asked for, that a ticket is of the order
 * and live, its share, that it is void, who may see a payment, each filter; that a payment service which refuses the core
 * says nothing of a refund (`explainRefund`).
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { HttpClientRequest } from "effect/http"
import { SqlClient } from "effect/sql"
import { problemType } from "../../../src/http/ProblemCatalog.ts"
import { refundDue } from "../../../src/payments/PaymentKeeper.ts"
import { PaymentClient } from "../../../src/payments/PaymentClient.ts"
import { InvoiceStore } from "../../../src/payments/invoices/InvoiceStore.ts"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { RefundStore } from "../../../src/store/payments/RefundStore.ts"
import { ServiceTransport } from "../../../src/trust/ServiceTransport.ts"
import { bodyFor, guestsNamed, read, run, until } from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { around } from "../../support/Witness.ts"

/** A paid order of so many guests, and its payment. */
const paidOrder = Effect.fnUntraced(function* (eventId: number, amount = 9999, guests = 3) {
  const { flow } = yield* run(bodyFor(eventId, {
    payment_config: { amount, auto_confirm: true },
    ticket_config: { generate_pdf: false, generate_qr: false },
    guests: guestsNamed(...Array.from({ length: guests }, (_, at) => `Guest ${at}`))
  }))
  assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
  return { flowId: flow.flow_id as string, paymentId: flow.payment_id as string }
})

const ask = Effect.fnUntraced(function* (paymentId: string, key: string | undefined, body: object) {
  const app = yield* TestApp
  return yield* app.ask(`/api/payments/${paymentId}/refunds`, {
    token: app.organizer,
    body: { reason: "the concert was short", ...body },
    ...(key === undefined ? {} : { headers: { "idempotency-key": key } })
  })
})

const paymentOf = (paymentId: string) => Effect.map(read(`/api/payments/${paymentId}`), ({ json }) => json)

/** The payment once this much of it went back and is credited. */
const after = (paymentId: string, refunded: number, notes: number) =>
  until(
    paymentOf(paymentId),
    ({ amount_refunded, credit_notes }) => amount_refunded === refunded && credit_notes.length === notes
  )

const bankDoes = Effect.fnUntraced(function* (paymentId: string, action: string) {
  const bank = (yield* ServiceTransport).client("payments", { as: "payment-service" })
  const { status } = yield* bank.execute(
    HttpClientRequest.post(`/sandbox/payments/${paymentId}/${action}`)
  )
  assert.strictEqual(status, 200, action)
})

const ticketsOf = Effect.fnUntraced(function* (flowId: string) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql<{ id: number; status: string }>`
    SELECT ticket_id::int AS id, status FROM tickets WHERE flow_id = ${flowId} ORDER BY ticket_id`
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a refund", (it) => {
  it.effect(
    "is one under one key, and two of the same amount are two; the rest is the rest",
    () =>
      Effect.gen(function* () {
        const { paymentId } = yield* paidOrder(1)
        assert.strictEqual((yield* ask(paymentId, undefined, { amount: 1000 })).status, 422)
        const first = yield* ask(paymentId, "one", { amount: 1000 })
        assert.strictEqual(first.status, 202, first.text)
        assert.deepInclude(first.json, {
          payment_id: paymentId,
          event_id: 1,
          amount: 1000,
          asked_by: "alice"
        })
        assert.strictEqual(
          (yield* ask(paymentId, "one", { amount: 1000 })).json.refund_id,
          first.json.refund_id
        )
        assert.strictEqual((yield* ask(paymentId, "one", { amount: 2000 })).status, 422)
        const second = yield* ask(paymentId, "two", { amount: 1000 })
        assert.notStrictEqual(second.json.refund_id, first.json.refund_id)
        yield* after(paymentId, 2000, 2)
        const tooMuch = yield* ask(paymentId, "three", { amount: 8000 })
        assert.strictEqual(tooMuch.status, 409)
        assert.include(tooMuch.text, "€79.99")
        const rest = yield* ask(paymentId, "four", {})
        assert.strictEqual(rest.json.amount, 7999)
        const { balance, status } = yield* after(paymentId, 9999, 3)
        assert.deepStrictEqual([status, balance], ["refunded", 0])
        assert.strictEqual((yield* ask(paymentId, "five", {})).status, 409)
        const seen = yield* until(
          read(first.headers.get("location")!),
          ({ json }) => json.status !== "pending"
        )
        assert.strictEqual(seen.json.status, "succeeded")
      }),
    60_000
  )

  it.effect("is never more than what is left, however many ask at once", () =>
    Effect.gen(function* () {
      const { paymentId } = yield* paidOrder(2)
      const answers = yield* Effect.forEach(
        Array.from({ length: 12 }, (_, at) => at),
        (at) => ask(paymentId, `race-${at}`, { amount: 3000 }),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        answers.map(({ status }) => status).sort(),
        [...Array.from({ length: 3 }, () => 202), ...Array.from({ length: 9 }, () => 409)]
      )
      yield* after(paymentId, 9000, 3)
    }), 60_000)

  it.effect(
    "is one when everybody dies between asking and answer, and one that nobody asked for is asked for",
    () =>
      Effect.gen(function* () {
        const { paymentId } = yield* paidOrder(3)
        const sql = yield* SqlClient.SqlClient
        const refunds = yield* RefundStore
        const forgotten = { refundId: "refund_forgotten", paymentId, reason: "x", askedBy: null } as const
        yield* refunds.begin({ ...forgotten, what: { of: "amount", amount: 700 }, origin: "organizer" })
        const lost = { refundId: "refund_lost", paymentId, reason: "x", askedBy: null } as const
        yield* refunds.begin({ ...lost, what: { of: "amount", amount: 300 }, origin: "organizer" })
        const [due] = yield* refunds.due(1, "refund_lost")
        const { amount, reason } = due!
        yield* (yield* PaymentClient).refund(paymentId, { refund_id: "refund_lost", amount, reason })
        yield* sql`UPDATE refunds SET next_at = now() WHERE refund_id = 'refund_lost' AND status = 'requested'`
        yield* refundDue
        yield* refundDue
        const { json } = yield* until(
          read(`/api/refunds?payment_id=${paymentId}`),
          ({ json }) => json.refunds.every(({ status }: { status: string }) => status === "succeeded")
        )
        assert.deepStrictEqual(
          json.refunds.map(({ refund_id }: { refund_id: string }) => refund_id),
          ["refund_lost", "refund_forgotten"]
        )
        yield* after(paymentId, 1000, 2)
      }),
    60_000
  )

  it.effect("that fails when others have its places is to be looked at", () =>
    Effect.gen(function* () {
      const one = (eventId: number, guest: number) =>
        run(bodyFor(eventId, {
          event_data: { max_attendees: 1 },
          payment_config: { amount: 2000, auto_confirm: true },
          ticket_config: { generate_pdf: false, generate_qr: false },
          guests: guestsNamed("Ana").map((named) => ({ ...named, guest_id: guest }))
        }))
      const paymentId: string = (yield* one(20, 1)).flow.payment_id
      yield* ask(paymentId, "retaken", {})
      yield* until(paymentOf(paymentId), ({ status }) => status === "refunded")
      assert.strictEqual((yield* one(20, 2)).flow.status, "completed")
      yield* bankDoes(paymentId, "fail_refund")
      const { attention } = yield* until(paymentOf(paymentId), ({ status }) => status === "settled")
      assert.deepStrictEqual(attention, ["refund_failed", "place_retaken"])
      const alone: string = (yield* one(21, 1)).flow.payment_id
      yield* ask(alone, "whole-alone", {})
      yield* until(paymentOf(alone), ({ status }) => status === "refunded")
      yield* bankDoes(alone, "fail_refund")
      const { attention: only } = yield* until(paymentOf(alone), ({ status }) => status === "settled")
      assert.deepStrictEqual(only, ["refund_failed"])
    }), 60_000)

  it.effect("of tickets is their share of the price, and they are void", () =>
    Effect.gen(function* () {
      const { flowId, paymentId } = yield* paidOrder(5, 10_000, 3)
      const tickets = yield* ticketsOf(flowId)
      const other = yield* ticketsOf((yield* paidOrder(6, 10_000, 1)).flowId)
      const of = (key: string, ...ids: ReadonlyArray<number>) => ask(paymentId, key, { ticket_ids: ids })
      assert.strictEqual((yield* of("foreign", tickets[0]!.id, other[0]!.id)).status, 409)
      assert.strictEqual(
        (yield* ask(paymentId, "both", { amount: 1, ticket_ids: [tickets[0]!.id] })).status,
        422
      )
      const [first, second] = [yield* of("a", tickets[0]!.id), yield* of("b", tickets[1]!.id)]
      assert.deepStrictEqual([first.json.amount, second.json.amount], [3333, 3333])
      assert.strictEqual((yield* of("again", tickets[0]!.id)).status, 409)
      assert.deepStrictEqual((yield* ticketsOf(flowId)).map(({ status }) => status), [
        "voided",
        "voided",
        "issued"
      ])
      assert.strictEqual((yield* of("c", tickets[2]!.id)).json.amount, 3334)
      yield* after(paymentId, 10_000, 3)
    }), 60_000)

  it.effect(
    "that the bank sends back is taken back in the book, and may be asked for again",
    () =>
      Effect.gen(function* () {
        const { paymentId } = yield* paidOrder(7)
        const refund = yield* ask(paymentId, "part", { amount: 4000 })
        yield* after(paymentId, 4000, 1)
        yield* bankDoes(paymentId, "fail_refund")
        const failed = yield* until(
          paymentOf(paymentId),
          ({ corrective_invoices: back }) => back.length === 1
        )
        assert.deepInclude(failed, { status: "settled", amount_refunded: 0, balance: 9999 })
        assert.deepStrictEqual(failed.attention, ["refund_failed"])
        assert.strictEqual((yield* read(refund.headers.get("location")!)).json.status, "failed")
        yield* ask(paymentId, "part-again", { amount: 4000 })
        yield* after(paymentId, 4000, 2)
        const pdf = yield* read(`/api/invoices/${failed.corrective_invoices[0]}.pdf`)
        assert.strictEqual(pdf.status, 200)
        const { json } = yield* read(`/api/invoices?payment_id=${paymentId}`)
        assert.deepStrictEqual(
          json.invoices.map(({ gross, kind }: { gross: number; kind: string }) => `${kind} ${gross}`),
          ["credit_note -4000", "corrective_invoice 4000", "credit_note -4000", "invoice 9999"]
        )
      }),
    60_000
  )

  it.effect(
    "is seen in the payment's history with all that followed, and nobody else sees it",
    () =>
      Effect.gen(function* () {
        const { paymentId } = yield* paidOrder(8)
        yield* ask(paymentId, "seen", { amount: 1500 })
        yield* after(paymentId, 1500, 1)
        yield* bankDoes(paymentId, "dispute")
        yield* until(paymentOf(paymentId), ({ status }) => status === "disputed")
        const { json: { history } } = yield* until(
          read(`/api/payments/${paymentId}/history`),
          ({ json }) =>
            json.history.filter(({ status, what }: { status?: string; what: string }) =>
              what === "message" && status !== "scheduled"
            ).length >= 2
        )
        type Entry = {
          what: string
          event_type?: string
          changed?: { status: string } | null
          gross?: number
        }
        const said = (history as ReadonlyArray<Entry>).map(({ changed, event_type, gross, what }) =>
          what === "event"
            ? `${event_type}: ${changed?.status ?? "nothing"}`
            : what === "document"
            ? gross
            : what
        )
        assert.includeMembers(said, [
          "payment.completed: settled",
          9999,
          "refund",
          "payment.partially_refunded: settled",
          "payment.refund_updated: nothing",
          -1500,
          "payment.disputed: disputed",
          "message"
        ])
        const isMessage = ({ what }: Entry) => what === "message"
        const unsent = history.filter((entry: Entry & { status?: string }) =>
          isMessage(entry) && entry.status !== "sent"
        )
        assert.deepStrictEqual(unsent, [])
        const bob = Redacted.value(
          (yield* (yield* TokenStore).create({ role: "organizer", subject: "bob" })).token
        )
        const app = yield* TestApp
        const [refund] = (yield* read(`/api/refunds?payment_id=${paymentId}`)).json.refunds
        for (const path of [`/api/payments/${paymentId}/history`, `/api/refunds/${refund.refund_id}`]) {
          assert.strictEqual((yield* app.ask(path, { token: bob })).status, 404, path)
        }
        const stolen = yield* app.ask(`/api/payments/${paymentId}/refunds`, {
          token: bob,
          body: { reason: "mine now" },
          headers: { "idempotency-key": "bob" }
        })
        assert.strictEqual(stolen.status, 404)
        for (const list of ["payments", "refunds", "disputes", "invoices"]) {
          assert.deepStrictEqual((yield* app.ask(`/api/${list}`, { token: bob })).json[list], [], list)
          assert.isNotEmpty((yield* read(`/api/${list}`)).json[list], list)
        }
        const { json } = yield* read(`/api/disputes?payment_id=${paymentId}&status=open&event_id=8`)
        assert.deepInclude(json.disputes[0], { payment_id: paymentId, status: "open", amount: 9999 })
      }),
    60_000
  )

  it.effect(
    "and its payment and documents are found by each filter, page by page",
    () =>
      Effect.gen(function* () {
        const { paymentId } = yield* paidOrder(9, 5000, 1)
        yield* ask(paymentId, "listed", {})
        yield* after(paymentId, 5000, 1)
        const none = Effect.fnUntraced(function* (list: string, query: string) {
          const { json } = yield* read(`/api/${list}?${query}`)
          assert.deepStrictEqual(json[list], [], `${list}?${query}`)
        })
        const one = Effect.fnUntraced(function* (list: string, query: string) {
          const { json } = yield* read(`/api/${list}?${query}`)
          assert.strictEqual(json[list]?.[0]?.payment_id, paymentId, `${list}?${query}`)
        })
        const past = "2020-01-01T00:00:00Z"
        yield* one("payments", "event_id=9&status=refunded&currency=EUR")
        yield* none("payments", "event_id=9&status=settled")
        yield* none("payments", "event_id=9&currency=USD")
        yield* none("payments", "event_id=9&attention=inquiry")
        yield* none("payments", `to=${past}`)
        yield* one("payments", `event_id=9&from=${past}`)
        yield* one("refunds", "event_id=9&status=succeeded&origin=organizer")
        yield* none("refunds", "event_id=9&origin=provider")
        yield* none("refunds", "event_id=9&status=failed")
        yield* one("invoices", `kind=credit_note&payment_id=${paymentId}&from=${past}`)
        yield* none("invoices", `kind=corrective_invoice&payment_id=${paymentId}`)
        yield* none("invoices", `to=${past}`)
        yield* none("disputes", `payment_id=${paymentId}`)
        const first = yield* read("/api/payments?limit=1")
        const second = yield* read(`/api/payments?limit=1&cursor=${first.json.next_cursor}`)
        assert.notStrictEqual(first.json.payments[0].payment_id, second.json.payments[0].payment_id)
        const note = Option.getOrThrow(yield* (yield* InvoiceStore).creditNote(paymentId, 5000))
        assert.strictEqual(note.credited, 5000)
      }),
    60_000
  )

  it.effect(
    "waits for a provider that is away, and is refused where the provider refuses it",
    () =>
      Effect.gen(function* () {
        const { paymentId } = yield* paidOrder(4)
        const sql = yield* SqlClient.SqlClient
        const refused = yield* Effect.scoped(Effect.gen(function* () {
          yield* around("payments", () =>
            Promise.resolve(Response.json({
              type: problemType("payment-invalid"),
              title: "The gateway refused the request",
              status: 422,
              detail: "Stripe answered amount_too_large.",
              retryable: false
            }, { status: 422, headers: { "content-type": "application/problem+json" } })))
          return yield* ask(paymentId, "refused", { amount: 600 })
        }))
        assert.deepInclude(refused.json, { status: "refused" })
        const problem = (status: number, type: string) => () =>
          Response.json({ type: problemType(type), title: "No", status, detail: "Not you." }, {
            status,
            headers: { "content-type": "application/problem+json" }
          })
        const passing = {
          unsigned: problem(401, "service-refused"),
          forbidden: problem(403, "forbidden"),
          proxied: () => new Response("<h1>Bad gateway</h1>", { status: 502 }),
          odd: () => Response.json({ nothing: "that is known" }),
          unreadable: () =>
            new Response("{", { status: 200, headers: { "content-type": "application/json" } })
        }
        for (const [name, answer] of Object.entries(passing)) {
          const kept = yield* Effect.scoped(Effect.gen(function* () {
            yield* around("payments", () => Promise.resolve(answer()))
            return yield* ask(paymentId, name, { amount: 100 })
          }))
          assert.deepInclude(kept.json, { status: "requested" }, name)
        }
        yield* sql`UPDATE refunds SET next_at = now() WHERE payment_id = ${paymentId}`
        yield* refundDue
        yield* after(paymentId, 500, 5)
        const waiting = yield* Effect.scoped(Effect.gen(function* () {
          yield* around("payments", () => Promise.resolve(new Response("", { status: 503 })))
          return yield* ask(paymentId, "away", { amount: 500 })
        }))
        assert.deepInclude(waiting.json, { status: "requested" })
        yield* sql`UPDATE refunds SET next_at = now() WHERE refund_id = ${waiting.json.refund_id}`
        yield* refundDue
        yield* after(paymentId, 1000, 6)
        assert.strictEqual((yield* ask(paymentId, "the-rest", {})).json.amount, 8999)
      }),
    60_000
  )
})
