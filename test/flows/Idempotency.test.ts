/** The same request twice is one flow; another request is another. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { bodyFor, follow, read, run, start } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { rowCounts } from "../support/Witness.ts"

const route = "/api/orchestration/complete-flow"
const withKey = (key: string) => ({ "idempotency-key": key })

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "the same complete flow twice",
  (it) => {
    it.effect("under one key is one flow, answered with the same bytes, with and without a trailing slash", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const key = randomUUID()
        const body = bodyFor(1)
        const first = yield* start(body, withKey(key))
        assert.isNull(first.headers.get("idempotency-replayed"))
        for (const path of [route, `${route}/`]) {
          const again = yield* app.ask(path, { token: app.organizer, body, headers: withKey(key) })
          assert.strictEqual(again.status, 202)
          assert.strictEqual(again.text, first.text)
          assert.strictEqual(again.headers.get("location"), first.headers.get("location"))
          assert.strictEqual(again.headers.get("idempotency-replayed"), "true")
        }
        yield* follow(first.json.events_url)
        assert.strictEqual((yield* read("/api/events/1")).json.tickets, 2)
        assert.strictEqual((yield* rowCounts)["flows"], 1)
      }))

    it.effect("at the same time under one key is one flow: answered alike, or told to wait", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const before = (yield* rowCounts)["flows"]!
        const ask = { token: app.organizer, body: bodyFor(2), headers: withKey(randomUUID()) }
        const answers = yield* Effect.all(Array.from({ length: 8 }, () => app.ask(route, ask)), {
          concurrency: "unbounded"
        })
        const accepted = answers.filter(({ status }) => status === 202)
        assert.isNotEmpty(accepted)
        assert.strictEqual(new Set(accepted.map(({ text }) => text)).size, 1)
        for (const { headers, json, status } of answers.filter(({ status }) => status !== 202)) {
          assert.strictEqual(status, 409)
          assert.strictEqual(json.type, "/problems/idempotency-key-in-use")
          assert.isNotNull(headers.get("retry-after"))
        }
        assert.strictEqual((yield* app.ask(route, ask)).text, accepted[0]!.text)
        assert.strictEqual((yield* rowCounts)["flows"], before + 1)
        yield* follow(accepted[0]!.json.events_url)
      }))

    it.effect("with another body under a used key is refused, and a bad key is told so", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const key = randomUUID()
        const accepted = yield* start(bodyFor(3), withKey(key))
        const other = bodyFor(3, { orchestration_options: { timeout_seconds: 299 } })
        const answer = yield* app.ask(route, { token: app.organizer, body: other, headers: withKey(key) })
        assert.strictEqual(answer.status, 422)
        assert.strictEqual(answer.json.type, "/problems/idempotency-key-reused")
        const elsewhere = yield* app.ask("/api/orchestration/notification-flow", {
          token: app.organizer,
          body: bodyFor(3),
          headers: withKey(key)
        })
        assert.strictEqual(elsewhere.json.type, "/problems/idempotency-key-reused")
        for (const bad of ["", "a b", "x".repeat(256)]) {
          const refused = yield* app.ask(route, {
            token: app.organizer,
            body: bodyFor(3),
            headers: withKey(bad)
          })
          assert.strictEqual(refused.status, 422, bad)
          assert.strictEqual(refused.json.errors[0].parameter, "idempotency-key")
        }
        yield* follow(accepted.json.events_url)
      }))

    it.effect("without a key is one flow while the body says the same, and another when it does not", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const body = bodyFor(4)
        const { accepted } = yield* run(body)
        const again = yield* start(body)
        assert.strictEqual(again.json.flow_id, accepted.json.flow_id)
        const spaced = yield* app.ask(route, { token: app.organizer, body: JSON.stringify(body, null, 2) })
        assert.strictEqual(spaced.json.flow_id, accepted.json.flow_id)
        const concurrent = yield* Effect.all(Array.from({ length: 4 }, () => start(body)), {
          concurrency: "unbounded"
        })
        for (const { json } of concurrent) assert.strictEqual(json.flow_id, accepted.json.flow_id)
        const changed = yield* start(bodyFor(4, { event_data: { title: "Another title" } }))
        assert.notStrictEqual(changed.json.flow_id, accepted.json.flow_id)
        yield* follow(changed.json.events_url)
        assert.strictEqual((yield* read("/api/events/4")).json.tickets, 2)
      }))

    it.effect("from another caller under the same key is another request", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const key = randomUUID()
        const mine = yield* start(bodyFor(5), withKey(key))
        const theirs = yield* app.ask(route, { token: app.admin, body: bodyFor(6), headers: withKey(key) })
        assert.strictEqual(theirs.status, 202)
        assert.notStrictEqual(theirs.json.flow_id, mine.json.flow_id)
        yield* follow(mine.json.events_url)
        const { text } = yield* app.ask(theirs.json.events_url, { token: app.admin })
        assert.include(text, "event: closed")
      }))

    it.effect("a refusal under a key is the same refusal again, and creates nothing", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const flows = (yield* rowCounts)["flows"]
        const ask = {
          token: app.organizer,
          body: bodyFor(7, { ticket_config: { template_id: 424_242 } }),
          headers: withKey(randomUUID())
        }
        const first = yield* app.ask(route, ask)
        const second = yield* app.ask(route, ask)
        assert.strictEqual(first.status, 422)
        assert.strictEqual(second.status, 422)
        assert.strictEqual(second.headers.get("idempotency-replayed"), "true")
        assert.strictEqual(second.headers.get("content-type"), "application/problem+json")
        assert.strictEqual((yield* rowCounts)["flows"], flows)
      }))
  }
)
