/**
 * Money agrees: the state and the amounts of a payment follow from the set of its events, whatever their order and
 * however often they come, and its documents add up to what went back. 10,000 sets by `FACTS_SEEDS`, from `FACTS_SEED`.
 * Guards whose removal turns this file red: that the newest sum of refunds counts, and of one second the greater; that a
 * failed refund is taken off, once and only from what was told before it, from its first telling on; that the furthest word of a dispute counts,
 * the later of two last ones, and a nameless one as long as none has a name; that an inquiry shuts nobody out; what takes access away; that another amount settles
 * nothing; that a payment has one invoice and a credit note is for what earlier ones left; that a refund after one that
 * failed is another, whatever the sum; that what came again is taken back of the credit notes; that the VAT of corrections
 * goes on from the earlier ones; that the database takes no correction beyond its invoice.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { ConfigProvider, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import process from "node:process"
import { PaymentFacts, PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { Issuer } from "../../../src/payments/invoices/Issuer.ts"
import { InvoiceStore } from "../../../src/payments/invoices/InvoiceStore.ts"
import { stateOf } from "../../../src/store/payments/PaymentDecisions.ts"
import type { PastEvent } from "../../../src/store/payments/PaymentRow.ts"
import { PaymentStore } from "../../../src/store/payments/PaymentStore.ts"
import documented from "../../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { Random } from "../../fuzz/Random.ts"
import { asked } from "../../support/NewPayments.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const seed = Number(process.env["FACTS_SEED"] ?? 20_261_130)
const seeds = Number(process.env["FACTS_SEEDS"] ?? 10_000)
const price = { amount: 9999, currency: "EUR" }

interface Told {
  readonly type: string
  readonly facts?: PaymentFacts
  readonly amount?: number
  readonly at: number
}

/** What can happen to a payment, at its second of the payment's life. */
const happenings = {
  succeeded: { type: "completed", at: 10 },
  failed: { type: "failed", at: 5 },
  canceled: { type: "canceled", at: 6 },
  part: { type: "partially_refunded", facts: { amount_refunded: 4000 }, at: 20 },
  rest: { type: "refunded", facts: { amount_refunded: 9999 }, at: 30 },
  partFailed: { type: "refund_failed", facts: { refund: { id: "re_1", amount: 4000 } }, at: 25 },
  partAgain: { type: "partially_refunded", facts: { amount_refunded: 4000 }, at: 27 },
  restFailed: { type: "refund_failed", facts: { refund: { id: "re_2", amount: 9999 } }, at: 35 },
  someFailed: { type: "refund_failed", facts: { refund: { id: "re_3", amount: 3000 } }, at: 36 },
  opened: { type: "disputed", facts: { dispute: { id: "dp_1", amount: 9999, status: "open" } }, at: 40 },
  inquiry: { type: "disputed", facts: { dispute: { id: "dp_1", amount: 9999, status: "inquiry" } }, at: 39 },
  won: { type: "disputed", facts: { dispute: { id: "dp_1", amount: 9999, status: "won" } }, at: 50 },
  lost: { type: "disputed", facts: { dispute: { id: "dp_1", amount: 9999, status: "lost" } }, at: 51 },
  other: { type: "completed", amount: 5000, at: 9 }
} as const satisfies Record<string, Told>

/** What cases are about beside: a word that comes after a further one, and two sums of one second. */
const oddities = {
  less: { type: "partially_refunded", facts: { amount_refunded: 2000 }, at: 20 },
  inquiryLate: {
    type: "disputed",
    facts: { dispute: { id: "dp_1", amount: 9999, status: "inquiry" } },
    at: 60
  },
  wonLate: { type: "disputed", facts: { dispute: { id: "dp_1", amount: 9999, status: "won" } }, at: 60 },
  lostPart: { type: "disputed", facts: { dispute: { id: "dp_2", amount: 3333, status: "lost" } }, at: 61 },
  wonPart: { type: "disputed", facts: { dispute: { id: "dp_2", amount: 3333, status: "won" } }, at: 62 }
} as const satisfies Record<string, Told>
type Happening = keyof typeof happenings | keyof typeof oddities
const all = Object.keys(happenings) as ReadonlyArray<Happening>

const start = Date.parse("2026-06-01T10:00:00Z")

const eventOf = (name: Happening): PastEvent => {
  const { at, type, ...said }: Told = { ...happenings, ...oddities }[name]
  return {
    webhook_id: `wh_${name}`,
    event_type: `payment.${type}`,
    occurred_at: DateTime.makeUnsafe(start + at * 1000),
    amount: said.amount ?? price.amount,
    currency: price.currency,
    facts: said.facts ?? null
  }
}

const shuffled = <A>(random: Random, items: ReadonlyArray<A>): ReadonlyArray<A> =>
  items.map((item) => [random.next(), item] as const).sort(([some], [others]) => some - others)
    .map(([, item]) => item)

/** Up to six happenings, each told one to three times, in any order. */
const history = (random: Random) => {
  const set = shuffled(random, all).slice(0, 1 + random.below(6))
  const told = shuffled(
    random,
    set.flatMap((name) => Array.from({ length: 1 + random.below(3) }, () => name))
  )
  return { set, told }
}

const after = (...names: ReadonlyArray<Happening>) => stateOf(price, names.map(eventOf))

describe("what a payment's events come to", () => {
  const cases: ReadonlyArray<
    readonly [ReadonlyArray<Happening>, string, { received: number; refunded: number; disputed: number }]
  > = [
    [["succeeded"], "settled", { received: 9999, refunded: 0, disputed: 0 }],
    [["succeeded", "opened"], "disputed", { received: 9999, refunded: 0, disputed: 9999 }],
    [["succeeded", "opened", "won"], "settled", { received: 9999, refunded: 0, disputed: 0 }],
    [["succeeded", "opened", "lost"], "disputed", { received: 9999, refunded: 0, disputed: 9999 }],
    [["succeeded", "opened", "inquiryLate"], "disputed", { received: 9999, refunded: 0, disputed: 9999 }],
    [["succeeded", "wonLate", "lost"], "settled", { received: 9999, refunded: 0, disputed: 0 }],
    [["succeeded", "inquiry"], "settled", { received: 9999, refunded: 0, disputed: 0 }],
    [["succeeded", "rest", "restFailed"], "settled", { received: 9999, refunded: 0, disputed: 0 }],
    [["succeeded", "part"], "settled", { received: 9999, refunded: 4000, disputed: 0 }],
    [["succeeded", "part", "less"], "settled", { received: 9999, refunded: 4000, disputed: 0 }],
    [["succeeded", "less", "part"], "settled", { received: 9999, refunded: 4000, disputed: 0 }],
    [["succeeded", "part", "partFailed"], "settled", { received: 9999, refunded: 0, disputed: 0 }],
    [["succeeded", "part", "partFailed", "rest"], "refunded", {
      received: 9999,
      refunded: 9999,
      disputed: 0
    }],
    [["succeeded", "rest", "someFailed", "someFailed"], "settled", {
      received: 9999,
      refunded: 6999,
      disputed: 0
    }],
    [["other"], "pending", { received: 5000, refunded: 0, disputed: 0 }],
    [["other", "succeeded"], "settled", { received: 9999, refunded: 0, disputed: 0 }]
  ]
  it.for(cases)("%o is %s", ([names, status, amounts]) => {
    const { disputed, received, refunded, ...standing } = after(...names)
    assert.deepStrictEqual([standing.status, { received, refunded, disputed }], [status, amounts])
  })

  it("tells two refunds of the same amount as two, where the first one failed between them", () => {
    const { notices, refunded, refundedThrough } = after("succeeded", "part", "partFailed", "partAgain")
    assert.deepStrictEqual([refunded, refundedThrough], [4000, 8000])
    assert.deepStrictEqual(notices.map((notice) => notice.refunded), [0, 4000, 8000])
    assert.deepStrictEqual(after("succeeded", "part", "partAgain").notices.map((notice) => notice.refunded), [
      0,
      4000
    ])
  })

  it("counts a refund that failed once, however late it is told again", () => {
    const again = (name: "rest" | "part", at: number): PastEvent => ({
      ...eventOf(name),
      webhook_id: `wh_${name}_${at}`,
      occurred_at: DateTime.makeUnsafe(start + at * 1000)
    })
    const failedAgain: PastEvent = {
      ...eventOf("restFailed"),
      webhook_id: "wh_told_late",
      occurred_at: DateTime.makeUnsafe(start + 90_000)
    }
    const events = [
      eventOf("succeeded"),
      eventOf("rest"),
      eventOf("restFailed"),
      again("rest", 60),
      failedAgain
    ]
    assert.deepInclude(stateOf(price, events), { status: "refunded", refunded: 9999 })
  })

  it("ends a dispute that an earlier version kept without its name", () => {
    const nameless: PastEvent = {
      ...eventOf("opened"),
      webhook_id: "wh_old",
      facts: null,
      amount: null,
      currency: null
    }
    assert.strictEqual(stateOf(price, [eventOf("succeeded"), nameless]).status, "disputed")
    assert.deepInclude(stateOf(price, [eventOf("succeeded"), nameless, eventOf("won")]), {
      status: "settled",
      disputed: 0
    })
  })

  it("takes a refund for its own amount where nothing says what refunds come to", () => {
    const part: PastEvent = { ...eventOf("rest"), facts: null, amount: 3000 }
    assert.deepInclude(stateOf(price, [eventOf("succeeded"), part]), { status: "settled", refunded: 3000 })
  })

  it("takes access away with the last cent and with a lost dispute alone", () => {
    const ends = (...names: ReadonlyArray<Happening>) => after("succeeded", ...names).revokedAt !== null
    assert.deepStrictEqual(
      [ends("part"), ends("opened"), ends("opened", "won"), ends("rest", "restFailed"), ends("inquiry")],
      [false, false, false, false, false]
    )
    assert.deepStrictEqual([ends("rest"), ends("opened", "lost")], [true, true])
  })

  it(`is one state for one set, ${seeds} sets (FACTS_SEED=${seed})`, () => {
    for (let at = 0; at < seeds; at++) {
      const random = new Random(seed + at)
      const { set, told } = history(random)
      const standing = after(...set)
      assert.deepStrictEqual(after(...told), standing, `FACTS_SEED=${seed + at}: ${told.join()}`)
      const balance = standing.received - standing.refunded
      assert.isAtLeast(balance, 0, `FACTS_SEED=${seed + at}`)
      assert.isAtMost(standing.disputed, price.amount)
      assert.strictEqual(
        new Set(standing.notices.map(({ refunded, status }) => `${status} ${refunded}`)).size,
        standing.notices.length
      )
    }
  })
})

const Env = Layer.mergeAll(
  PaymentStore.layer,
  InvoiceStore.layer.pipe(
    Layer.provide(Issuer.layer),
    Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ INVOICE_ISSUER_NAME: "Guichet SAS" })))
  )
).pipe(Layer.provideMerge(TestDatabase.layer))

const body = Schema.decodeUnknownSync(PaymentWebhook)(documented)

/** What the entity does with an event, up to what it announces. */
const apply = Effect.fnUntraced(function* (paymentId: string, name: Happening) {
  const { event_type, facts, occurred_at, webhook_id, amount } = eventOf(name)
  const invoices = yield* InvoiceStore
  const { payment } = yield* (yield* PaymentStore).apply({
    ...body,
    payment_id: paymentId,
    webhook_id: `${paymentId}_${webhook_id}`,
    event_type,
    amount: amount ?? price.amount,
    timestamp: occurred_at,
    ...(facts === null ? {} : { facts })
  })
  if (payment.settled_at === null) return
  yield* invoices.issue(paymentId)
  yield* invoices.credit(paymentId)
})

const Document = Schema.Struct({
  number: Schema.String,
  corrects: Schema.NullOr(Schema.String),
  gross: Schema.Int,
  net: Schema.Int,
  reverses: Schema.NullOr(Schema.Array(Schema.Struct({ number: Schema.String, amount: Schema.Int })))
})

/** What is without VAT in a sum of which a fifth of the rest is VAT. */
const netOf = (gross: number) => Math.round(gross / 1.2)

const documents = Effect.fnUntraced(function* (paymentId: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql`
    SELECT number, corrects, (document->'totals'->>'gross')::int AS gross,
      (document->'totals'->>'net')::int AS net, document->'reverses' AS reverses FROM invoices
    WHERE payment_id = ${paymentId} ORDER BY sequence`
  return yield* Schema.decodeUnknownEffect(Schema.Array(Document))(rows)
})

layer(Env)("the documents of a payment", (it) => {
  it.effect("add up to what went back, one invoice and one credit note a refund, in one book without a gap", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const sql = yield* SqlClient.SqlClient
      for (let at = 0; at < 60; at++) {
        const random = new Random(seed + at)
        const paymentId = `pay_facts_${at}`
        yield* payments.begin(asked(paymentId, price))
        const { set, told } = history(random)
        // A process that dies before it has answered is told the same again.
        for (const name of told) {
          yield* apply(paymentId, name)
          if (random.chance(0.3)) yield* apply(paymentId, name)
        }
        const standing = after(...set)
        const row = Option.getOrThrow(yield* payments.get(paymentId))
        const why = `FACTS_SEED=${seed + at}: ${told.join()}`
        assert.deepStrictEqual(
          [row.status, row.amount_received, row.amount_refunded, row.amount_disputed, row.attention],
          [standing.status, standing.received, standing.refunded, standing.disputed, standing.attention],
          why
        )
        const [invoice, ...notes] = yield* documents(paymentId)
        if (standing.settledAt === null) {
          assert.isUndefined(invoice, why)
          continue
        }
        assert.deepStrictEqual([invoice?.corrects, invoice?.gross], [null, price.amount], why)
        assert.isTrue(notes.every(({ corrects }) => corrects === invoice?.number), why)
        assert.strictEqual(notes.reduce((sum, { gross }) => sum - gross, 0), standing.credited, why)
        assert.strictEqual(notes.reduce((sum, { net }) => sum - net, 0), netOf(standing.credited), why)
        for (const { gross, reverses } of notes) {
          assert.strictEqual(gross > 0, reverses !== null, why)
          assert.strictEqual(reverses?.reduce((sum, { amount }) => sum + amount, 0) ?? gross, gross, why)
        }
      }
      const [gaps] = yield* sql<{ missing: number }>`
        SELECT (max(sequence) - count(*))::int AS missing FROM invoices`
      assert.strictEqual(gaps?.missing, 0)
    }))

  it.effect("take a credit note back where its refund failed, and where a lost dispute was won after all", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const tell = Effect.fnUntraced(function* (paymentId: string, names: ReadonlyArray<Happening>) {
        yield* payments.begin(asked(paymentId, price))
        yield* Effect.forEach(names, (name) => apply(paymentId, name), { discard: true })
        return yield* documents(paymentId)
      })
      const refunds = yield* tell("pay_back", ["succeeded", "part", "partFailed", "partAgain", "rest"])
      assert.deepStrictEqual(refunds.map(({ gross }) => gross), [9999, -4000, 4000, -4000, -5999])
      assert.deepStrictEqual(refunds[2]?.reverses, [{ number: refunds[1]!.number, amount: 4000 }])
      assert.strictEqual(refunds.reduce((sum, { net }) => sum + net, 0), 0)
      const disputed = yield* tell("pay_won", ["succeeded", "part", "lostPart", "wonPart"])
      assert.deepStrictEqual(disputed.map(({ gross }) => gross), [9999, -4000, -3333, 3333])
      assert.deepStrictEqual(disputed[3]?.reverses, [{ number: disputed[2]!.number, amount: 3333 }])
      const both = yield* tell("pay_both", ["succeeded", "part", "rest", "restFailed"])
      assert.deepStrictEqual(both.map(({ gross }) => gross), [9999, -4000, -5999, 9999])
      assert.deepStrictEqual(both[3]?.reverses, [
        { number: both[2]!.number, amount: 5999 },
        { number: both[1]!.number, amount: 4000 }
      ])
    }))

  it.effect("are corrected by no more than the invoice, and not to less than nothing, by the database itself", () =>
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const sql = yield* SqlClient.SqlClient
      yield* payments.begin(asked("pay_guarded", price))
      for (const name of ["succeeded", "part"] as const) yield* apply("pay_guarded", name)
      const by = (amount: number) =>
        Effect.exit(sql`
          INSERT INTO invoices (issuer, year, sequence, number, payment_id, issued_at, document, corrects, correction,
            credited, credited_through)
          SELECT 'X', 2026, 1, 'X-2026-1', payment_id, now(), document, number, 9, ${amount}::bigint, 0 FROM invoices
          WHERE payment_id = 'pay_guarded' AND corrects IS NULL`.pipe(
          sql.withTransaction,
          Effect.andThen(
            sql`SELECT 1`
          )
        ))
      for (const amount of [6000, -4001, 0]) {
        assert.strictEqual((yield* by(amount))._tag, "Failure", String(amount))
      }
    }))

  it.effect("are not changed and not removed, by anybody", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      for (
        const statement of [
          "UPDATE invoices SET document = '{}'",
          "UPDATE invoices SET number = number || 'x'",
          "UPDATE invoices SET file_key = 'a', owner = 'mallory'",
          "DELETE FROM invoices",
          "TRUNCATE invoices"
        ]
      ) {
        assert.strictEqual((yield* Effect.exit(sql.unsafe(statement)))._tag, "Failure", statement)
      }
      yield* sql.unsafe("UPDATE invoices SET file_key = 'invoices/first.pdf'")
      assert.strictEqual(
        (yield* Effect.exit(sql.unsafe("UPDATE invoices SET file_key = 'invoices/other.pdf'")))._tag,
        "Failure"
      )
    }))
})
