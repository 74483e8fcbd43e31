/**
 * The fast path of payment webhooks answers what the contract answers, for bodies and headers from seeded chance; what is
 * wrong it leaves to the contract.
 * Guards whose removal turns this file red: the signature, its second, the name of the sender, the request's id, the
 * bounds of the body, its schema, its encoding, the stored answer of a repeat, the message.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import documented from "../../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { Random } from "../../fuzz/Random.ts"
import { Port } from "../../support/ScanPort.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Answer, TestApp } from "../../support/TestApp.ts"
import * as Webhooks from "../../support/Webhooks.ts"
import { until } from "../../support/FlowClient.ts"

const app = Layer.provideMerge(Port.layer, TestAppLayer.layer)

/** A delivery as it is sent, by the id that it is to have. */
interface Made {
  readonly body: unknown
  readonly vary: Webhooks.Variation
  readonly change: (headers: Readonly<Record<string, string>>) => Readonly<Record<string, string>>
}

const deep = (levels: number): unknown => levels === 0 ? 1 : [deep(levels - 1)]

/** What may be otherwise than the documented delivery; the first are as good as it. */
const changes: Readonly<Record<string, (made: Made, random: Random) => Partial<Made>>> = {
  none: () => ({}),
  "another type": ({ body }) => ({ body: { ...body as object, event_type: "payment.reviewed" } }),
  "a field nobody reads": ({ body }) => ({ body: { ...body as object, other: { a: [1, "\u0001"] } } }),
  "no slash": () => ({ vary: { path: "/api/payment-webhook-routes" } }),
  "a query": () => ({ vary: { path: "/api/payment-webhook-routes?a=b" } }),
  "a type with a charset": () => ({
    change: (headers) => ({ ...headers, "content-type": "application/json; charset=utf-8" })
  }),
  "a wrong amount": ({ body }, random) => ({
    body: { ...body as object, amount: random.pick([-1, 0.5, "9", null, 1e30]) }
  }),
  "a missing field": ({ body }, random) => {
    const fields = Object.keys(body as object).filter((name) => name !== "webhook_id")
    const gone = random.pick(fields)
    return { body: Object.fromEntries(Object.entries(body as object).filter(([name]) => name !== gone)) }
  },
  "a long text": ({ body }) => ({ body: { ...body as object, status: "s".repeat(101) } }),
  "a character that no text has": ({ body }) => ({ body: { ...body as object, status: "a\u0000b" } }),
  "a body that is too deep": ({ body }) => ({ body: { ...body as object, deep: deep(40) } }),
  "a long body": ({ body }) => ({ body: { ...body as object, long: "l".repeat(20_000) } }),
  "no object": () => ({ body: "[]" }),
  "no JSON": () => ({ body: "{" }),
  "another signature": () => ({
    change: (headers) => ({
      ...headers,
      "stripe-signature": headers["stripe-signature"]!.replace(/.$/, (last) => last === "0" ? "1" : "0")
    })
  }),
  "two signatures": () => ({
    change: (headers) => ({
      ...headers,
      "stripe-signature": `${headers["stripe-signature"]},v1=${"0".repeat(64)}`
    })
  }),
  "another second": () => ({
    change: (headers) => ({
      ...headers,
      "x-timestamp": new Date(Date.parse(headers["x-timestamp"]!) + 2_000).toISOString()
    })
  }),
  "no time": () => ({ change: (headers) => ({ ...headers, "x-timestamp": "now" }) }),
  "another sender": () => ({
    change: (headers) => ({ ...headers, "x-service-name": "ticket-generator-service" })
  }),
  "no request id": () => ({
    change: (headers) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => name !== "x-request-id"))
  }),
  "an encoding": () => ({ change: (headers) => ({ ...headers, "content-encoding": "gzip" }) })
}

/** What each of them alone is answered. */
const statuses: Readonly<Record<keyof typeof changes, number>> = {
  none: 200,
  "another type": 200,
  "a field nobody reads": 200,
  "no slash": 200,
  "a query": 200,
  "a type with a charset": 200,
  "a wrong amount": 422,
  "a missing field": 422,
  "a long text": 422,
  "a character that no text has": 422,
  "a body that is too deep": 422,
  "a long body": 200,
  "no object": 422,
  "no JSON": 400,
  "another signature": 401,
  "two signatures": 200,
  "another second": 401,
  "no time": 401,
  "another sender": 401,
  "no request id": 401,
  "an encoding": 415
}

const comparable = ({ headers, json, status }: Answer, id: string) => ({
  status,
  json: JSON.parse(
    JSON.stringify(json, (name, value) => name === "instance" ? undefined : value).replaceAll(id, "ID")
  ),
  type: headers.get("content-type"),
  nosniff: headers.get("x-content-type-options")
})

layer(app, { excludeTestServices: true })("the fast path of payment webhooks", (it) => {
  const deliver = Effect.fnUntraced(function* (
    seed: number,
    where: "port" | "memory",
    id: string,
    only?: string
  ) {
    const random = new Random(seed)
    let made: Made = {
      body: { ...documented, payment_id: `pay_${id}`, webhook_id: `wh_${id}` },
      vary: {},
      change: (headers) => headers
    }
    const names = only === undefined
      ? Array.from({ length: 1 + random.below(2) }, () => random.pick(Object.keys(changes)))
      : [only]
    for (const name of names) {
      if (typeof made.body === "object") made = { ...made, ...changes[name]!(made, random) }
    }
    const { path, ...signed } = yield* Webhooks.signedPayment(made.body, made.vary)
    const asked = { ...signed, headers: made.change(signed.headers) }
    const answer = where === "port"
      ? yield* (yield* Port).askAt(path, asked)
      : yield* (yield* TestApp).ask(path, { method: "POST", ...asked })
    return { names, answer: comparable(answer, id) }
  })

  it.effect("answers as the contract does", () =>
    Effect.gen(function* () {
      const { faults, taken } = yield* Port
      const before = taken()
      const seen = new Set<number>()
      for (let seed = 1; seed <= 150; seed++) {
        const here = yield* deliver(seed, "port", `a${seed}`)
        const there = yield* deliver(seed, "memory", `b${seed}`)
        assert.deepStrictEqual(here.answer, there.answer, `seed ${seed}: ${here.names}`)
        seen.add(here.answer.status)
      }
      assert.deepStrictEqual(faults, [])
      assert.isAtLeast(taken() - before, 20)
      assert.includeMembers([...seen], [200, 401, 415, 422])
      const sql = yield* SqlClient.SqlClient
      const kept = (side: string) =>
        sql`SELECT event_type, body - 'webhook_id' - 'payment_id' AS body, answer - 'webhook_id' AS answer
          FROM webhook_deliveries WHERE webhook_id ~ ${`^wh_${side}[0-9]+$`} ORDER BY event_type, body::text`
      const forgetIds = (rows: ReadonlyArray<unknown>) =>
        JSON.stringify(rows).replaceAll(/"[ab](\d+)"/g, "$1")
      assert.strictEqual(forgetIds(yield* kept("a")), forgetIds(yield* kept("b")))
    }))

  it.effect("answers each delivery by what is wrong with it", () =>
    Effect.gen(function* () {
      assert.sameMembers(Object.keys(statuses), Object.keys(changes))
      for (const [at, [name, status]] of Object.entries(statuses).entries()) {
        const { answer } = yield* deliver(at, "port", `c${at}`, name)
        assert.strictEqual(answer.status, status, `${name}: ${JSON.stringify(answer.json)}`)
      }
    }))

  it.effect("takes a repeat for what it is, whichever way it comes, and hands each event on once", () =>
    Effect.gen(function* () {
      const { askAt, taken } = yield* Port
      const sql = yield* SqlClient.SqlClient
      const body = { ...documented, payment_id: "pay_repeated", webhook_id: "wh_repeated" }
      const ask = Effect.gen(function* () {
        const { path, ...asked } = yield* Webhooks.signedPayment(body)
        return yield* askAt(path, asked)
      })
      const before = taken()
      const answers = yield* Effect.all(Array.from({ length: 16 }, () => ask), { concurrency: "unbounded" })
      assert.strictEqual(taken() - before, 16)
      const again = yield* Webhooks.payment({
        ...body,
        event_type: "payment.reviewed",
        payment_id: "pay_other"
      })
      for (const { status, text } of [...answers, again]) {
        assert.deepStrictEqual([status, text], [
          200,
          `{"received":true,"webhook_id":"wh_repeated","outcome":"queued"}`
        ])
      }
      const events = sql`SELECT payment_id FROM payment_events WHERE webhook_id = 'wh_repeated'`
      assert.deepStrictEqual(yield* until(events, (rows) => rows.length > 0), [{
        payment_id: "pay_repeated"
      }])
    }))
})
