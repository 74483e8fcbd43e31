/** Webhooks are believed when their raw bytes and every trusted header are signed, and only then. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import Stripe from "stripe"
import { signPaymentWebhook, signTicketWebhook } from "../../src/trust/WebhookSignatures.ts"
import { environment, hexOf, makeSend, named, request, SecretsLayer } from "./ExampleServices.ts"

const seconds = (offset: number) => new Date(Date.now() + offset * 1000).toISOString()

const payment = (over: Parameters<typeof request>[0] = {}) =>
  request({ url: "/api/payment-webhook-routes/", service: "payment-service", ...over })

const ticket = (over: Parameters<typeof request>[0] = {}) =>
  request({ url: "/api/ticket-webhook-routes/", service: "ticket-generator-service", ...over })

const secret = Redacted.make(environment.PAYMENT_SERVICE_SECRET)

const test = (name: string, body: Effect.Effect<void, never, Effect.Services<typeof makeSend>>) =>
  it.live(name, () => Effect.scoped(body).pipe(Effect.provide(SecretsLayer)))

describe("the payment webhook", () => {
  const signed = (of: ReturnType<typeof request>) => ({
    ...named(of),
    "stripe-signature": signPaymentWebhook(secret, of)
  })

  test(
    "is believed, and believed again when it is delivered again",
    Effect.gen(function* () {
      const send = yield* makeSend
      const one = payment()
      for (let delivery = 0; delivery < 2; delivery++) {
        const answer = yield* send(one, signed(one))
        assert.strictEqual(answer.status, 200)
        assert.deepStrictEqual(JSON.parse(answer.text), { from: "payment-service", order_id: 7 })
      }
    })
  )

  test(
    "is made and read as Stripe's own library makes and reads it",
    Effect.gen(function* () {
      const send = yield* makeSend
      const { webhooks } = new Stripe("sk_test_none")
      const one = payment()
      const text = new TextDecoder().decode(one.body)
      const theirs = yield* Effect.promise(() =>
        webhooks.generateTestHeaderStringAsync({
          payload: text,
          secret: environment.PAYMENT_SERVICE_SECRET,
          timestamp: Math.floor(Date.parse(one.timestamp) / 1000)
        })
      )
      assert.strictEqual((yield* send(one, { ...named(one), "stripe-signature": theirs })).status, 200)
      yield* Effect.promise(() =>
        webhooks.constructEventAsync(
          text,
          signed(one)["stripe-signature"],
          environment.PAYMENT_SERVICE_SECRET
        )
      )
    })
  )

  test(
    "is refused when its time is off by more than 300 s either way",
    Effect.gen(function* () {
      const send = yield* makeSend
      for (const [offset, status] of [[-310, 401], [310, 401], [-290, 200], [290, 200]] as const) {
        const one = payment({ timestamp: seconds(offset) })
        assert.strictEqual((yield* send(one, signed(one))).status, status)
      }
    })
  )

  test(
    "is refused when X-Timestamp is not the second that was signed",
    Effect.gen(function* () {
      const send = yield* makeSend
      const one = payment()
      assert.strictEqual((yield* send(one, { ...signed(one), "x-timestamp": seconds(5) })).status, 401)
    })
  )

  test(
    "is refused from anyone else, re-serialised, or signed by v0 alone; several v1 are welcome",
    Effect.gen(function* () {
      const send = yield* makeSend
      const one = payment()
      const headers = signed(one)
      const signature = headers["stripe-signature"]
      const body = new TextEncoder().encode(JSON.stringify(JSON.parse(`{"order_id":7}`), null, 1))
      const refused = [
        send(one, { ...headers, "x-service-name": "event-planner-core" }),
        send({ ...one, body }, headers),
        send(one, { ...headers, "stripe-signature": signature.replace("v1=", "v0=") }),
        send(one, { ...headers, "stripe-signature": "stripe-signature-example" }),
        send(one, { ...headers, "stripe-signature": `${signature},t=1` }),
        send(one, { ...headers, "stripe-signature": signature.slice(0, 30) }),
        send(one, {
          ...named(one),
          "stripe-signature": signPaymentWebhook(Redacted.make(environment.CORE_SERVICE_SECRET), one)
        }),
        send(one, named(one))
      ]
      for (const answer of yield* Effect.all(refused)) assert.strictEqual(answer.status, 401)
      const several = signature.replace("v1=", `v1=${"0".repeat(64)},v1=`)
      assert.strictEqual((yield* send(one, { ...headers, "stripe-signature": several })).status, 200)
    })
  )

  test(
    "is read only after it is believed",
    Effect.gen(function* () {
      const send = yield* makeSend
      const broken = payment({ body: new TextEncoder().encode("{") })
      assert.strictEqual((yield* send(broken, named(broken))).status, 401)
      assert.strictEqual((yield* send(broken, signed(broken))).status, 400)
    })
  )
})

describe("the ticket webhook", () => {
  const signed = (
    of: ReturnType<typeof request>,
    name: keyof typeof environment = "TICKET_GENERATOR_SECRET"
  ) => ({
    ...named(of),
    "x-ticket-service-signature": signTicketWebhook(Redacted.make(environment[name]), of)
  })

  test(
    "is believed under the current secret and under the previous one",
    Effect.gen(function* () {
      const send = yield* makeSend
      const one = ticket()
      assert.strictEqual((yield* send(one, signed(one))).status, 200)
      assert.strictEqual((yield* send(one, signed(one, "TICKET_GENERATOR_SECRET_PREVIOUS"))).status, 200)
      assert.strictEqual(
        signed(one)["x-ticket-service-signature"],
        `v1=${hexOf("TICKET_GENERATOR_SECRET", one)}`
      )
    })
  )

  test(
    "is refused from another service, even one that signs well",
    Effect.gen(function* () {
      const send = yield* makeSend
      const core = ticket({ service: "event-planner-core" })
      assert.strictEqual((yield* send(core, signed(core, "CORE_SERVICE_SECRET"))).status, 401)
      const forged = ticket()
      assert.strictEqual((yield* send(forged, signed(forged, "CORE_SERVICE_SECRET"))).status, 401)
      assert.strictEqual(
        (yield* send(forged, { ...named(forged), "x-ticket-service-signature": "ticket-service-signature" }))
          .status,
        401
      )
    })
  )
})
