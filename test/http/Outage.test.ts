/**
 * While the database is away every route says 503 and when to come again, so that a device can tell it from a fault.
 * Guards whose removal turns this file red: `answerOutage` at the door, `GateAway` in the gatekeeper and at the
 * turnstile.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import documented from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { publish } from "../support/GateFixture.ts"
import * as SqlFaults from "../support/SqlFaults.ts"
import { TestApp } from "../support/TestApp.ts"
import * as TestAppLayer from "../support/TestApp.ts"

layer(Layer.fresh(TestAppLayer.layer), { excludeTestServices: true })(
  "an outage of the database",
  (it) => {
    it.effect("is 503 at the gate, and the same scan is decided once it is over", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const [ticket] = yield* publish(1, 1)
        const scan = (scan_id: string) =>
          app.ask("/api/scans/validate", {
            method: "POST",
            token: app.admin,
            body: { ...documented, event_id: 1, ticket_code: ticket!.code, scan_id }
          })
        const during = yield* Effect.scoped(
          Effect.andThen(SqlFaults.leaving({ on: "INSERT", table: "scans" }), scan("first"))
        )
        assert.strictEqual(during.status, 503, during.text)
        assert.strictEqual(during.json.type, "/problems/unavailable")
        assert.isAbove(Number(during.headers.get("retry-after")), 0)
        assert.strictEqual((yield* scan("first")).json.result, "valid")
      }))

    it.effect("is 503 on a route that writes by itself", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        yield* publish(2, 1)
        const answer = yield* Effect.scoped(Effect.andThen(
          SqlFaults.leaving({ on: "UPDATE", table: "events" }),
          app.ask("/api/events/2/terms", {
            method: "PUT",
            token: app.admin,
            body: { terms: "Ni repris, ni échangé.", organizer: "Guichet" }
          })
        ))
        assert.strictEqual(answer.status, 503, answer.text)
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
        assert.isAbove(Number(answer.headers.get("retry-after")), 0)
      }))
  }
)
