/**
 * Invoice numbers have neither a gap nor a double, whatever is rolled back and whoever asks at once.
 * Guards whose removal turns this file red, on PostgreSQL: the payment's row as it was read (`xmin`), the time of the page
 * before.
 */
import { assert, layer } from "@effect/vitest"
import { Clock, ConfigProvider, Context, DateTime, Effect, Exit, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import * as FastCheck from "fast-check"
import { Issuer } from "../../../src/payments/invoices/Issuer.ts"
import { invoiceNumber } from "../../../src/payments/invoices/InvoiceDocument.ts"
import { InvoiceStore } from "../../../src/payments/invoices/InvoiceStore.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { numbered } from "../../support/EventIds.ts"

const Store = InvoiceStore.layer.pipe(
  Layer.provide(Issuer.layer),
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ INVOICE_ISSUER_NAME: "Guichet SAS" })))
)

const Env = Layer.provideMerge(Store, TestDatabase.layer)

const settle = Effect.fn(function* (paymentId: string, settledAt: string, amount = 9999) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`INSERT INTO payments (payment_id, amount, currency, status, gateway, settled_at, customer)
    VALUES (${paymentId}, ${amount}, 'EUR', 'settled', 'stripe', ${new Date(settledAt)}::timestamptz,
      ${JSON.stringify({ name: "Zoë Łuk", email: "zoe@example.com" })}::jsonb)`
})

/** What time it is for whoever asks; waiting goes on as ever. */
const at = (instant: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Clock.clockWith((clock) =>
    Effect.provideService(effect, Clock.Clock, {
      ...clock,
      currentTimeMillis: Effect.succeed(Date.parse(instant)),
      currentTimeMillisUnsafe: () => Date.parse(instant)
    })
  )

const numbers = (year: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`SELECT sequence, number, issued_at FROM invoices WHERE year = ${year}::int ORDER BY sequence`
  )

layer(Env)("the invoice store", (it) => {
  it.effect("numbers from one in the year of its issue where the issuer lives, and the same number again", () =>
    Effect.gen(function* () {
      const invoices = yield* InvoiceStore
      yield* settle("pay_1", "2022-06-01T12:00:00Z")
      yield* settle("pay_2", "2022-06-01T12:00:00Z")
      const [before, after] = [at("2023-12-31T22:59:59Z"), at("2023-12-31T23:00:00Z")]
      const first = yield* before(invoices.issue("pay_1"))
      const second = yield* after(invoices.issue("pay_2"))
      assert.deepStrictEqual([first.number, second.number], ["G-2023-000001", "G-2024-000001"])
      assert.deepStrictEqual(yield* invoices.issue("pay_1"), first)
      assert.strictEqual(DateTime.formatIso(first.issued_at), "2023-12-31T22:59:59.000Z")
      assert.strictEqual(DateTime.formatIso(first.document.paidAt), "2022-06-01T12:00:00.000Z")
      assert.deepStrictEqual(first.document.totals, { net: 8333, vat: 1666, gross: 9999 })
      assert.strictEqual(first.document.issuer.name, "Guichet SAS")
    }))

  it.effect("writes numbers by the one rule, however far its book is", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const invoices = yield* InvoiceStore
      const drawn = FastCheck.sample(FastCheck.integer({ min: 1, max: 2_000_000_000 }), {
        seed: 7,
        numRuns: 8
      })
      const sequences = [1, 9, 999_999, 1_000_000, 1_000_001, ...drawn]
      for (const [nth, sequence] of sequences.entries()) {
        const year = 1600 + nth
        yield* sql`INSERT INTO invoice_books (issuer, year, next) VALUES ('G', ${year}::int, ${sequence}::int)`
        yield* settle(`pay_rule_${nth}`, "2021-06-01T12:00:00Z")
        const { document, number } = yield* at(`${year}-06-01T00:00:00.123Z`)(
          invoices.issue(`pay_rule_${nth}`)
        )
        assert.strictEqual(number, invoiceNumber("G", year, sequence))
        assert.strictEqual(document.number, number)
        assert.strictEqual(DateTime.formatIso(document.issuedAt), `${year}-06-01T00:00:00.123Z`)
      }
    }))

  it.effect("is not earlier than the page before, whatever the clock says", () =>
    Effect.gen(function* () {
      const invoices = yield* InvoiceStore
      for (const nth of [1, 2, 3]) yield* settle(`pay_clock_${nth}`, "2021-06-01T12:00:00Z")
      const times = ["1580-06-01T12:00:00Z", "1580-06-01T11:00:00Z", "1580-06-01T12:00:01Z"]
      const issued = yield* Effect.forEach(times, (time, nth) =>
        at(time)(invoices.issue(`pay_clock_${nth + 1}`)))
      assert.deepStrictEqual(
        issued.map(({ document }) =>
          DateTime.formatIso(document.issuedAt)
        ),
        ["1580-06-01T12:00:00.000Z", "1580-06-01T12:00:00.000Z", "1580-06-01T12:00:01.000Z"]
      )
    }))

  it.effect("is one, whichever of two processes issues it, while others change the payment", () =>
    Effect.scoped(Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const services = yield* Effect.context<SqlClient.SqlClient>()
      const processes = yield* Effect.forEach([1, 2], () =>
        Effect.map(
          Layer.build(Layer.fresh(Layer.provide(Store, Layer.succeedContext(services)))),
          (built) => Context.get(built, InvoiceStore)
        ))
      for (let round = 0; round < 15; round++) {
        const paymentId = `pay_both_${round}`
        yield* settle(paymentId, "2021-06-01T12:00:00Z")
        const touch = sql`UPDATE payments SET updated_at = now() WHERE payment_id = ${paymentId}`
        const issues = [...processes, ...processes].map((invoices) => invoices.issue(paymentId))
        const [issued] = yield* at("1570-06-01T12:00:00Z")(
          Effect.all([Effect.all(issues, { concurrency: "unbounded" }), touch], { concurrency: "unbounded" })
        )
        const found = new Set(issued.map(({ number }) => number))
        assert.deepStrictEqual([...found], [invoiceNumber("G", 1570, round + 1)])
      }
    })))

  it.effect("refuses a payment that does not exist", () =>
    Effect.gen(function* () {
      const invoices = yield* InvoiceStore
      assert.strictEqual((yield* Effect.flip(invoices.issue("pay_none")))._tag, "PaymentNotFound")
    }))

  it.effect("sells as many tickets as were asked to be paid, whatever became of them", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* settle("pay_count", "2021-06-01T12:00:00Z")
      yield* sql`UPDATE payments SET metadata = '{"ticket_count": 3}', flow_id = 'flow_count'
        WHERE payment_id = 'pay_count'`
      yield* numbered("alice", 71)
      yield* sql`INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status)
        VALUES (71, 'alice', 'Conference', now(), 'Europe/Paris', 'Paris', 10, 'active')`
      yield* sql`INSERT INTO guests (event_id, guest_id, name, email, ticket_type, locale)
        VALUES (71, 1, 'A', 'a@example.com', 'VIP', 'fr')`
      yield* sql`INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id, payment_state, flow_id)
        VALUES (71, 1, 'count-1', 'VIP', 1, 'paid', 'flow_count')`
      const { document } = yield* (yield* InvoiceStore).issue("pay_count")
      assert.strictEqual(document.lines[0]!.quantity, 3)
    }))

  it.effect("files the PDF once and never changes the document", () =>
    Effect.gen(function* () {
      const invoices = yield* InvoiceStore
      yield* settle("pay_file", "2021-06-01T12:00:00Z")
      const { document, number } = yield* invoices.issue("pay_file")
      yield* invoices.filed(number, `invoices/${number}.pdf`)
      yield* invoices.filed(number, "invoices/other.pdf")
      const stored = Option.getOrThrow(yield* invoices.get(number))
      assert.strictEqual(stored.file_key, `invoices/${number}.pdf`)
      assert.deepStrictEqual(stored.document, document)
    }))

  it.effect(
    "leaves no gap and no double among concurrent issues, repeats and rollbacks",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const invoices = yield* InvoiceStore
        const context = yield* Effect.context<SqlClient.SqlClient>()
        let year = 1900
        const scenario = FastCheck.array(FastCheck.constantFrom("issue", "issue twice", "roll back"), {
          minLength: 1,
          maxLength: 12
        })
        yield* Effect.promise(() =>
          FastCheck.assert(
            FastCheck.asyncProperty(scenario, (acts) => {
              year++
              const program = Effect.gen(function* () {
                yield* Effect.forEach(acts, (_, at) => settle(`pay_${year}_${at}`, `${year}-06-01T12:00:00Z`))
                const one = (nth: number) =>
                  at(`${year}-06-01T12:00:00Z`)(invoices.issue(`pay_${year}_${nth}`))
                const run = (act: string, at: number): Effect.Effect<unknown, unknown> => {
                  if (act === "issue") return one(at)
                  if (act === "issue twice") return Effect.all([one(at), one(at)], { concurrency: 2 })
                  return Effect.exit(
                    sql.withTransaction(Effect.andThen(one(at), Effect.fail("changed my mind")))
                  )
                }
                const exits = yield* Effect.forEach(acts, (act, at) => Effect.exit(run(act, at)), {
                  concurrency: "unbounded"
                })
                assert.isTrue(exits.every(Exit.isSuccess))
                const rows = yield* numbers(year)
                const issued = acts.filter((act) => act !== "roll back").length
                assert.deepStrictEqual(
                  rows.map(({ sequence }) => sequence),
                  Array.from({ length: issued }, (_, at) => at + 1)
                )
                const times = rows.map(({ issued_at }) => Number(issued_at))
                assert.deepStrictEqual(times, times.toSorted((a, b) => a - b))
              })
              return Effect.runPromiseWith(context)(program)
            }),
            { numRuns: 25 }
          )
        )
      }),
    60_000
  )
})
