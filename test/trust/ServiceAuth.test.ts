/** Only what a known service signed, now, once, for a route that names it, gets in. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { environment, hexOf, makeSend, named, request, SecretsLayer } from "./ExampleServices.ts"

const signed = (name: keyof typeof environment, of: ReturnType<typeof request>) => ({
  ...named(of),
  "x-service-signature": `v1=${hexOf(name, of)}`
})

const seconds = (offset: number) => new Date(Date.now() + offset * 1000).toISOString()

describe("a signed service request", () => {
  const test = (name: string, body: Effect.Effect<void, never, Effect.Services<typeof makeSend>>) =>
    it.live(name, () => Effect.scoped(body).pipe(Effect.provide(SecretsLayer)))

  test(
    "is answered, with the trailing slash too",
    Effect.gen(function* () {
      const send = yield* makeSend
      const one = request()
      const answer = yield* send(one, signed("SCAN_VALIDATION_SECRET", one))
      assert.strictEqual(answer.status, 200)
      assert.deepStrictEqual(JSON.parse(answer.text), { from: "scan-validation-service", order_id: 7 })
      const two = request({ requestId: "req_2" })
      assert.strictEqual((yield* send(two, signed("SCAN_VALIDATION_SECRET", two), `${two.url}/`)).status, 200)
    })
  )

  test(
    "is refused when any signed part is changed",
    Effect.gen(function* () {
      const send = yield* makeSend
      const one = request()
      const headers = signed("SCAN_VALIDATION_SECRET", one)
      const changed = [
        send(one, { ...headers, "x-request-id": "req_other" }),
        send(one, { ...headers, "x-timestamp": seconds(1) }),
        send(one, { ...headers, "x-service-name": "event-planner-core" }),
        send({ ...one, body: new TextEncoder().encode(`{"order_id": 7}`) }, headers),
        send(one, headers, `${one.url}?order_id=8`),
        send(one, { ...headers, "x-service-signature": headers["x-service-signature"].slice(0, 20) }),
        send(one, { ...headers, "x-service-signature": "v1=" }),
        send(one, { ...headers, "x-service-signature": "" }),
        send(one, { ...headers, "x-service-signature": headers["x-service-signature"].replace("v1", "v0") }),
        send(one, named(one))
      ]
      for (const answer of yield* Effect.all(changed)) {
        assert.strictEqual(answer.status, 401)
        assert.strictEqual(answer.headers.get("www-authenticate"), 'Signature realm="guichet-services"')
      }
      assert.strictEqual((yield* send(one, headers)).status, 200)
    })
  )

  test(
    "gets the same refusal for an unknown name and for a bad signature",
    Effect.gen(function* () {
      const send = yield* makeSend
      const unknown = request({ service: "nobody" })
      const bad = request()
      const first = yield* send(unknown, signed("SCAN_VALIDATION_SECRET", unknown))
      const second = yield* send(bad, signed("CORE_SERVICE_SECRET", bad))
      assert.strictEqual(first.status, 401)
      assert.strictEqual(first.text, second.text)
    })
  )

  test(
    "is refused when its time is off by more than 300 s either way",
    Effect.gen(function* () {
      const send = yield* makeSend
      for (const [offset, status] of [[-310, 401], [310, 401], [-290, 200], [290, 200]] as const) {
        const one = request({ timestamp: seconds(offset) })
        assert.strictEqual((yield* send(one, signed("SCAN_VALIDATION_SECRET", one))).status, status)
      }
      const vague = request({ timestamp: new Date().toUTCString() })
      assert.strictEqual((yield* send(vague, signed("SCAN_VALIDATION_SECRET", vague))).status, 401)
    })
  )

  test(
    "is refused the second time, also with one of its two signatures dropped",
    Effect.gen(function* () {
      const send = yield* makeSend
      const one = request()
      const headers = signed("SCAN_VALIDATION_SECRET", one)
      const both = {
        ...headers,
        "x-service-signature": `v1=${"0".repeat(64)}, ${headers["x-service-signature"]}`
      }
      assert.strictEqual((yield* send(one, both)).status, 200)
      assert.strictEqual((yield* send(one, both)).status, 401)
      assert.strictEqual((yield* send(one, headers)).status, 401)
    })
  )

  test(
    "is refused with 403 on a route that does not name its sender",
    Effect.gen(function* () {
      const send = yield* makeSend
      const core = request({ service: "event-planner-core" })
      assert.strictEqual((yield* send(core, signed("CORE_SERVICE_SECRET", core))).status, 403)
      const nowhere = request({ url: "/api/internal/unlisted" })
      assert.strictEqual((yield* send(nowhere, signed("SCAN_VALIDATION_SECRET", nowhere))).status, 403)
    })
  )
})
