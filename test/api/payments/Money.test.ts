/**
 * Money agrees: whatever an organiser refunds over HTTP and whatever the bank does meanwhile, in any order and with
 * repeats, the payment, its documents, its refunds and the sandbox's account come to the same. Seeded, `MONEY_SEEDS` lives
 * of a payment from `MONEY_SEED`.
 * Guards whose removal turns this file red: the bound of what is left, the key of a refund, what is taken back in the
 * book, the time of a second sum after a refund that failed.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpClientRequest } from "effect/http"
import { SqlClient } from "effect/sql"
import process from "node:process"
import { ServiceTransport } from "../../../src/trust/ServiceTransport.ts"
import { Random } from "../../fuzz/Random.ts"
import { bodyFor, guestsNamed, read, run, until } from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

const seed = Number(process.env["MONEY_SEED"] ?? 20_261_130)
const seeds = Number(process.env["MONEY_SEEDS"] ?? 12)
const price = 9_999
const guests = 3

const Account = Schema.Struct({ refunds: Schema.Record(Schema.String, Schema.Int) })
const decodeAccount = Schema.decodeUnknownEffect(Account)

/** What the sandbox's bank has given back. */
const givenBack = Effect.fnUntraced(function* (paymentId: string) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ value: Uint8Array }>`
    SELECT value FROM guichet_key_values WHERE id = ${`sandbox/${paymentId}`}`
  const { refunds } = yield* decodeAccount(JSON.parse(new TextDecoder().decode(row!.value)))
  return Object.values(refunds).reduce((sum, amount) => sum + amount, 0)
})

const bankDoes = Effect.fnUntraced(function* (paymentId: string, action: string, body?: object) {
  const bank = (yield* ServiceTransport).client("payments", { as: "payment-service" })
  const request = HttpClientRequest.post(`/sandbox/payments/${paymentId}/${action}`)
  const { status } = yield* bank.execute(
    body === undefined
      ? request
      : HttpClientRequest.bodyText(request, JSON.stringify(body), "application/json")
  )
  return status === 200
})

const acts = [
  "amount",
  "amount",
  "rest",
  "ticket",
  "twice",
  "fail_refund",
  "by_hand",
  "dispute",
  "win",
  "lose",
  "inquire"
] as const

interface Life {
  readonly paymentId: string
  readonly tickets: ReadonlyArray<number>
  readonly random: Random
}

/** What the bank has said of the dispute: its last word of winning and losing, and whether there was one. */
interface Heard {
  opened: boolean
  last: "win" | "lose" | undefined
}

const act = Effect.fnUntraced(function* (name: typeof acts[number], nth: number, life: Life, heard: Heard) {
  const app = yield* TestApp
  const { paymentId, random, tickets } = life
  const refund = (key: string, body: object) =>
    app.ask(`/api/payments/${paymentId}/refunds`, {
      token: app.organizer,
      body: { reason: "the concert was short", ...body },
      headers: { "idempotency-key": `${paymentId}-${key}` }
    })
  const some = () => ({ amount: 1 + random.below(6_000) })
  switch (name) {
    case "amount":
      return yield* refund(String(nth), some())
    case "rest":
      return yield* refund(String(nth), {})
    case "ticket":
      return yield* refund(String(nth), { ticket_ids: [tickets[random.below(guests)]!] })
    case "twice": {
      const body = some()
      const answers = yield* Effect.all([refund(String(nth), body), refund(String(nth), body)], {
        concurrency: 2
      })
      const ids = answers.flatMap(({ json, status }) => status === 202 ? [json.refund_id] : [])
      assert.isAtMost(new Set(ids).size, 1)
      return answers[0]
    }
    case "by_hand":
      return yield* bankDoes(paymentId, "refund", { amount: 1 + random.below(2_000) })
    default: {
      const done = yield* bankDoes(paymentId, name)
      if (done && name === "dispute") heard.opened = true
      if (done && (name === "win" || name === "lose")) heard.last = name
    }
  }
})

/** A payment's life: up to eight acts, each answered as it may be; then what it comes to. */
const live = Effect.fnUntraced(function* (nth: number) {
  const sql = yield* SqlClient.SqlClient
  const random = new Random(seed + nth)
  const { flow } = yield* run(bodyFor(nth + 1, {
    payment_config: { amount: price, auto_confirm: true },
    ticket_config: { generate_pdf: false, generate_qr: false },
    guests: guestsNamed("Ana", "Bo", "Cy")
  }))
  const paymentId: string = flow.payment_id
  const rows = yield* sql<{ id: number }>`
    SELECT ticket_id::int AS id FROM tickets WHERE flow_id = ${flow.flow_id} ORDER BY ticket_id`
  const life: Life = { paymentId, tickets: rows.map(({ id }) => id), random }
  const heard: Heard = { opened: false, last: undefined }
  const done: Array<string> = []
  for (let step = 1 + random.below(8); step > 0; step--) {
    const name = random.pick(acts)
    done.push(name)
    yield* act(name, step, life, heard)
    assert.isAtMost(yield* givenBack(paymentId), price)
  }
  const back = yield* givenBack(paymentId)
  const lost = heard.last === "lose" ? price : 0
  const disputed = lost > 0 || (heard.opened && heard.last === undefined) ? price : 0
  const why = `MONEY_SEED=${seed + nth}: ${done.join()}`
  const expected = {
    amount_received: price,
    amount_refunded: back,
    amount_disputed: disputed,
    balance: price - back - disputed
  }
  const kept = price - Math.min(back + lost, price)
  const said = yield* until(
    Effect.gen(function* () {
      const { json } = yield* read(`/api/payments/${paymentId}`)
      const { json: list } = yield* read(`/api/invoices?payment_id=${paymentId}`)
      const { json: asked } = yield* read(`/api/refunds?payment_id=${paymentId}`)
      const { amount_disputed, amount_received, amount_refunded, balance } = json
      return {
        amounts: { amount_received, amount_refunded, amount_disputed, balance },
        book: list.invoices.reduce((sum: number, { gross }: { gross: number }) => sum + gross, 0) as number,
        open: asked.refunds.filter(({ status }: { status: string }) => /requested|pending/.test(status))
          .length as number
      }
    }),
    ({ amounts, book, open }) =>
      JSON.stringify(amounts) === JSON.stringify(expected) && book === kept && open === 0
  ).pipe(Effect.timeoutOption("20 seconds"))
  assert.strictEqual(said._tag, "Some", `${why} is not ${JSON.stringify({ expected, kept })}`)
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a payment that is refunded over HTTP", (it) => {
  it.effect(
    `agrees with its documents and with the bank, ${seeds} lives (MONEY_SEED=${seed})`,
    () =>
      Effect.gen(function* () {
        for (let nth = 0; nth < seeds; nth++) yield* live(nth)
      }),
    seeds * 40_000
  )
})
