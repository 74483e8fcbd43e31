/** Flow 6 as a client sees it. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import documented from "./fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import * as TestAppLayer from "./support/TestApp.ts"
import { TestApp } from "./support/TestApp.ts"

const finished = Effect.fnUntraced(function* (events: string, token: string) {
  const app = yield* TestApp
  const answer = yield* app.ask(events, { token })
  return answer.text
})

layer(TestAppLayer.layer, { timeout: 60_000, excludeTestServices: true })("the complete flow", (it) => {
  it.effect("runs the documented body to its eighth step", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const accepted = yield* app.ask("/api/orchestration/complete-flow", { token: app.organizer, body: documented })
      assert.strictEqual(accepted.status, 202, accepted.text)
      const events = yield* finished(accepted.json.events_url, app.organizer)
      assert.include(events, "event: closed")
      const flow = (yield* app.ask(accepted.json.status_url, { token: app.organizer })).json
      assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
    }), 60_000)
})
