/**
 * An admin acts for an organiser, who then has what it made, and the same request for two organisers is two.
 * Guards whose removal turns this file red: the organiser in `ResourceId`, the header in the digest of `Idempotency`,
 * `actingFor`, the number that `reserve` gives each organiser.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { bodyFor, until } from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

const body = bodyFor(1, { payment_config: { amount: 0 } })

const start = Effect.fnUntraced(function* (organizer: string, headers: Record<string, string> = {}) {
  const app = yield* TestApp
  return yield* app.ask("/api/orchestration/complete-flow", {
    token: app.admin,
    body,
    headers: { "x-organizer": encodeURIComponent(organizer), ...headers }
  })
})

layer(TestAppLayer.layer, { excludeTestServices: true })("an admin who names an organiser", (it) => {
  it.effect(
    "makes and sees what is that organiser's, one body for two of them in two flows",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const [zoe, again, emile] = [yield* start("zoe"), yield* start("zoe"), yield* start("Émile")]
        assert.deepStrictEqual([zoe.status, again.status, emile.status], [202, 202, 202])
        assert.strictEqual(again.json.flow_id, zoe.json.flow_id)
        assert.notStrictEqual(emile.json.flow_id, zoe.json.flow_id)
        for (const { json: { status_url } } of [zoe, emile]) {
          yield* until(app.ask(status_url, { token: app.admin }), ({ json }) => json.finished_at !== null)
        }
        const token = Redacted.value(
          (yield* (yield* TokenStore).create({ role: "organizer", subject: "zoe" })).token
        )
        assert.strictEqual((yield* app.ask(zoe.json.status_url, { token })).status, 200)
        assert.strictEqual((yield* app.ask(emile.json.status_url, { token })).status, 404)
        const seen = (organizer: string, path: string) =>
          app.ask(path, { token: app.admin, headers: { "x-organizer": encodeURIComponent(organizer) } })
        assert.strictEqual((yield* seen("zoe", emile.json.status_url)).status, 404)
        assert.strictEqual((yield* seen("zoe", "/api/events/1")).status, 200)
        assert.strictEqual((yield* seen("zoe", "/api/events")).json.events.length, 1)
        assert.strictEqual((yield* seen("nobody", "/api/events/1")).status, 404)
        assert.strictEqual((yield* app.ask("/api/events/1", { token: app.admin })).status, 422)
      }),
    60_000
  )

  it.effect("sends one Idempotency-Key for one of them", () =>
    Effect.gen(function* () {
      const key = { "idempotency-key": "for-one" }
      assert.strictEqual((yield* start("ada", key)).status, 202)
      const other = yield* start("ben", key)
      assert.deepStrictEqual([other.status, other.json.type], [422, "/problems/idempotency-key-reused"])
    }))
})
