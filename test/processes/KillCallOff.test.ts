/**
 * An event is called off while the process is killed again and again: everybody is refunded, credited and told once, the
 * book has no gap, and the report agrees with SQL, with the sandbox's accounts and with the outbox.
 * `GUICHET_TEST_CALL_OFF=10000` makes it an event of so many guests, killed ten times; without it there are a few, killed
 * three times. `GUICHET_TEST_SEED` chooses the orders and the moments.
 * Guards whose removal turns this file red: the name of a refund at the provider, the one row of each refund, the id of
 * each message, that the run goes on.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Schedule, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Path from "node:path"
import process from "node:process"
import { Issuer } from "../../src/payments/invoices/Issuer.ts"
import { InvoiceStore } from "../../src/payments/invoices/InvoiceStore.ts"
import { PaymentLedger } from "../../src/services/payments/contract/PaymentLedger.ts"
import { refOf } from "../../src/services/payments/sandbox/SandboxEvents.ts"
import * as KeyValues from "../../src/store/KeyValues.ts"
import { Random } from "../fuzz/Random.ts"
import { type Installation, postgres } from "../support/Installation.ts"
import { mortal } from "../support/Mortal.ts"
import { type Answer, serve } from "../support/Served.ts"
import { serverUrl } from "../support/TestDatabase.ts"

const asked = Number(process.env.GUICHET_TEST_CALL_OFF ?? 0)
const guests = asked === 0 ? 90 : asked
const kills = asked === 0 ? 3 : 10
const seed = Number(process.env.GUICHET_TEST_SEED ?? 1)
const limit = asked === 0 ? 240_000 : 3_600_000

interface Order {
  readonly paymentId: string
  readonly flowId: string
  readonly first: number
  readonly size: number
  readonly amount: number
}

/** Orders of one to five guests, until every guest is in one. */
const orders = (() => {
  const random = new Random(seed)
  const made: Array<Order> = []
  for (let first = 1; first <= guests;) {
    const size = Math.min(1 + random.below(5), guests - first + 1)
    const name = String(made.length + 1)
    made.push({
      paymentId: `pay_${name}`,
      flowId: `flow_${name}`,
      first,
      size,
      amount: 100 + random.below(20_000)
    })
    first += size
  }
  return made
})()

const customer = { email: "payer@example.com", name: "Pat Payer" }

/** What complete flows leave of an event that is sold out and paid. */
const seeded = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = JSON.stringify(orders)
  yield* sql`INSERT INTO event_numbers (event_id, owner, number) VALUES (1, 'admin', 1)`
  yield* sql`
    INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status)
    VALUES (1, 'admin', 'Concert', now() + interval '30 days', 'Europe/Paris', 'Paris', ${guests}::int, 'active')`
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
    SELECT o."flowId", 'complete_event_flow', 'admin', 1, 'completed', '{"guests": []}', now()
    FROM jsonb_to_recordset(${rows}::jsonb) AS o("flowId" text)`
  yield* sql`
    INSERT INTO guests (event_id, guest_id, name, email, ticket_type, locale, flow_id)
    SELECT 1, n, 'Guest ' || n, 'guest' || n || '@example.com', 'Standard', 'fr', o."flowId"
    FROM jsonb_to_recordset(${rows}::jsonb) AS o("flowId" text, first int, size int),
      generate_series(o.first, o.first + o.size - 1) AS n`
  yield* sql`
    INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id, payment_state, flow_id)
    SELECT 1, guest_id, 'code-' || guest_id, 'Standard', 1, 'paid', flow_id FROM guests`
  const metadata = JSON.stringify({ event_id: 1, user_id: 1, ticket_count: 1, template_id: 1 })
  yield* sql`
    INSERT INTO payments (payment_id, flow_id, event_id, user_id, owner, amount, currency, status, gateway, gateway_ref,
      customer, metadata, settled_at, amount_received)
    SELECT o."paymentId", o."flowId", 1, o.first, 'admin', o.amount, 'EUR', 'settled', 'stripe', o.ref,
      ${JSON.stringify(customer)}::jsonb, ${metadata}::jsonb, now(), o.amount
    FROM jsonb_to_recordset(${
    JSON.stringify(orders.map((order) => ({ ...order, ref: refOf(order.paymentId) })))
  }::jsonb) AS o("paymentId" text, "flowId" text, first int, amount bigint, ref text)`
  yield* sql`
    INSERT INTO payment_events (webhook_id, payment_id, event_type, occurred_at, amount, currency)
    SELECT 'wh_' || payment_id, payment_id, 'payment.completed', now() - interval '1 day', amount, 'EUR' FROM payments`
  const invoices = yield* InvoiceStore
  const ledger = yield* PaymentLedger
  const store = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, "sandbox/")
  yield* Effect.forEach(orders, ({ amount, first, paymentId, size }) =>
    Effect.gen(function* () {
      yield* invoices.issue(paymentId)
      const entry = yield* ledger.remember({
        payment_id: paymentId,
        amount,
        currency: "EUR",
        method: "stripe",
        auto_confirm: true,
        customer,
        metadata: { event_id: 1, user_id: first, ticket_count: size, template_id: 1 }
      })
      yield* ledger.name(entry, refOf(paymentId))
      yield* store.set(paymentId, JSON.stringify({ state: "succeeded", refunds: {} }))
    }), { discard: true })
})

const stores = Layer.mergeAll(
  InvoiceStore.layer.pipe(
    Layer.provide(Issuer.layer),
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ INVOICE_ISSUER_NAME: "Guichet SAS" })))
  ),
  PaymentLedger.layer
).pipe(Layer.provideMerge(KeyValues.layer))

const inside = <A, E>(
  { database }: Installation,
  work: Effect.Effect<A, E, SqlClient.SqlClient | InvoiceStore | PaymentLedger | KeyValueStore.KeyValueStore>
) => Effect.orDie(Effect.provide(work, Layer.provideMerge(stores, database)))

/** How much of refunds and messages is done, from 0 to 1. */
const progress = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ done: number }>`
    SELECT ((SELECT count(*) FROM refunds WHERE status = 'succeeded')
      + (SELECT count(*) FROM notifications WHERE status = 'sent' AND template = 'event_cancelled'))::int AS done`
  return row!.done / (orders.length + guests)
})

const Account = Schema.Struct({ refunds: Schema.Record(Schema.String, Schema.Int) })

const audit = Effect.fnUntraced(function* (directory: string) {
  const sql = yield* SqlClient.SqlClient
  const store = KeyValueStore.prefix(yield* KeyValueStore.KeyValueStore, "sandbox/")
  const payments = yield* sql<
    { payment_id: string; refunds: number; notes: number; net: number; sum: number }
  >`
    SELECT payment_id, (amount_received - amount_refunded)::int AS net,
      (SELECT count(*)::int FROM refunds r WHERE r.payment_id = p.payment_id AND r.status = 'succeeded'
        AND r.amount = p.amount) AS refunds,
      (SELECT count(*)::int FROM invoices i WHERE i.payment_id = p.payment_id AND i.credited = p.amount) AS notes,
      (SELECT sum((document -> 'totals' ->> 'gross')::int)::int FROM invoices i
        WHERE i.payment_id = p.payment_id) AS sum
    FROM payments p WHERE status = 'refunded'`
  assert.lengthOf(payments, orders.length)
  for (const { notes, net, payment_id, refunds, sum } of payments) {
    assert.deepStrictEqual([refunds, notes, net, sum], [1, 1, 0, 0], payment_id)
  }
  for (const { amount, paymentId } of orders) {
    const text = (yield* store.get(paymentId)) ?? "{}"
    const { refunds } = yield* Schema.decodeUnknownEffect(Account)(JSON.parse(text))
    assert.deepStrictEqual(Object.values(refunds), [amount], paymentId)
  }
  const [rest] = yield* sql<{ live: number; gaps: number; told: number; rows: number; documents: number }>`
    SELECT (SELECT count(*)::int FROM tickets WHERE voided_at IS NULL) AS live,
      (SELECT (max(sequence) - count(*))::int FROM invoices) AS gaps,
      (SELECT count(*)::int FROM invoices) AS documents,
      (SELECT count(*)::int FROM refunds) AS rows,
      (SELECT count(*)::int FROM notifications WHERE template = 'event_cancelled' AND status = 'sent') AS told`
  assert.deepStrictEqual(rest, {
    live: 0,
    gaps: 0,
    told: guests,
    rows: orders.length,
    documents: 2 * orders.length
  })
  const mails = Fs.readdirSync(Path.join(directory, "outbox")).filter((name) =>
    name.startsWith("cancellation_")
  )
  assert.lengthOf(mails, guests)
})

describe.skipIf(serverUrl === undefined)("an event that is called off", () => {
  it.live(
    `of ${guests} guests is over once for everybody, killed ${kills} times (GUICHET_TEST_SEED=${seed})`,
    () =>
      Effect.gen(function* () {
        const installation = yield* postgres
        const token = yield* installation.token
        yield* inside(installation, seeded)
        const served = yield* mortal(serve(installation.env))
        const path = "/api/events/1/cancellation"
        const began = Date.now()
        const accepted = yield* served.now().ask(path, { token, body: { reason: "the hall burnt down" } })
        assert.strictEqual(accepted.status, 202, JSON.stringify(accepted.json))
        for (let kill = 0; kill < kills; kill++) {
          yield* inside(
            installation,
            Effect.repeat(progress, {
              until: (done) => done >= kill / kills,
              schedule: Schedule.spaced("20 millis")
            })
          )
          yield* served.die
          yield* served.rise
        }
        const { json } = yield* Effect.repeat(served.now().ask(path, { token }), {
          until: ({ json }) => json?.status === "finished",
          schedule: Schedule.spaced("250 millis")
        })
        const seconds = Math.round((Date.now() - began) / 1000)
        process.stdout.write(`${guests} guests, ${orders.length} payments, ${kills} kills: ${seconds} s\n`)
        assert.deepInclude(json, {
          guests,
          tickets_voided: guests,
          payments: orders.length,
          refunded: orders.length,
          credit_notes: orders.length,
          told: guests,
          untold: 0
        })
        let reported = 0
        for (let at: string | null = `${path}/guests?limit=500`; at !== null;) {
          const page: Answer = yield* served.now().ask(at, { token })
          for (const guest of page.json.guests) {
            reported++
            const order = orders.find(({ first, size }) =>
              guest.guest_id >= first && guest.guest_id < first + size
            )!
            assert.deepInclude(guest, {
              payment_id: order.paymentId,
              payment_status: "refunded",
              amount_refunded: order.amount,
              refund_status: "succeeded",
              message: "sent"
            })
            assert.lengthOf(guest.credit_notes, 1)
          }
          at = page.json.next_cursor === null
            ? null
            : `${path}/guests?limit=500&cursor=${page.json.next_cursor}`
        }
        assert.strictEqual(reported, guests)
        yield* served.now().child.kill("SIGTERM")
        yield* inside(installation, audit(installation.directory))
      }),
    limit
  )
})
