/**
 * The doctor asks Stripe whether it sends us what decides a payment.
 * Guards whose removal turns this file red: which endpoints are ours, every event that is needed, that all of them may be
 * sent by `*`, a key that may not ask; that the document names the same events.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { readFileSync } from "node:fs"
import {
  checkSubscription,
  missingEvents,
  neededEvents
} from "../../../../src/services/payments/stripe/StripeSubscription.ts"
import { failure, fakeStripe } from "./FakeStripe.ts"

const endpoint = (enabled_events: ReadonlyArray<string>, more: object = {}) => ({
  url: "https://pay.example.com/api/webhooks/stripe",
  status: "enabled",
  enabled_events: [...enabled_events],
  ...more
})

describe("the events that Stripe sends", () => {
  it("are missing one by one, unless all are sent to an endpoint of ours that is enabled", () => {
    assert.deepStrictEqual(missingEvents([endpoint(neededEvents)]), [])
    assert.deepStrictEqual(missingEvents([endpoint(["*"])]), [])
    for (const type of neededEvents) {
      assert.deepStrictEqual(missingEvents([endpoint(neededEvents.filter((one) => one !== type))]), [type])
    }
    const [first, ...rest] = neededEvents
    assert.deepStrictEqual(missingEvents([endpoint([first!]), endpoint(rest)]), [])
    assert.isUndefined(missingEvents([endpoint(["*"], { status: "disabled" })]))
    assert.isUndefined(missingEvents([endpoint(["*"], { url: "https://shop.example.com/hooks" })]))
  })

  it("are those that the document names", () => {
    const document = readFileSync(new URL("../../../../docs/payments.md", import.meta.url), "utf8")
    const [line = ""] = document.split("\n").filter((line) => line.startsWith("Subscribe the endpoint to"))
    const named = [...line.matchAll(/`([a-z_.]+)`/g)].map(([, name]) => name!)
    assert.sameMembers(named, [...neededEvents])
  })

  it.live("are asked for, and what is wrong is said in a sentence", () =>
    Effect.gen(function* () {
      const said = (body: object, status = 200) =>
        Effect.scoped(Effect.gen(function* () {
          const { asked, port } = yield* fakeStripe(() =>
            status === 200 ? { status, body } : failure(status, body)
          )
          const exit = yield* Effect.exit(Effect.flip(checkSubscription({
            secretKey: Redacted.make("sk_test_1"),
            host: "127.0.0.1",
            port,
            protocol: "http"
          })))
          assert.strictEqual(asked[0]?.path.split("?")[0], "/v1/webhook_endpoints")
          return Exit.isSuccess(exit) ? exit.value.message : "fine"
        }))
      assert.strictEqual(yield* said({ data: [endpoint(["*"])] }), "fine")
      assert.include(yield* said({ data: [] }), "/api/webhooks/stripe")
      const part = endpoint(neededEvents.filter((type) => type !== "charge.refunded"))
      assert.include(yield* said({ data: [part] }), "charge.refunded too")
      const forbidden = { type: "invalid_request_error", code: "more_permissions_required" }
      assert.include(yield* said(forbidden, 403), "does not say")
    }))
})
