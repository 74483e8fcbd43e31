/** Complete flows as a client of a whole process starts and awaits them. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { flowBody } from "./Installation.ts"
import { closed, type Served } from "./Served.ts"

/** A flow that was answered 202. */
export interface FlowRun {
  readonly flowId: string
  readonly events: string
}

/** Starts the flow of this event, or of this body. */
export const start = Effect.fn("FlowRuns.start")(function* (
  served: Served,
  token: string,
  eventOrBody: number | object,
  headers: Readonly<Record<string, string>> = {}
) {
  const body = typeof eventOrBody === "number" ? flowBody(eventOrBody) : eventOrBody
  const path = "/api/orchestration/complete-flow"
  const { json, status } = yield* served.ask(path, { token, body, headers })
  assert.strictEqual(status, 202, JSON.stringify(json))
  const run: FlowRun = { flowId: json.flow_id, events: json.events_url }
  return run
})

/** Waits until each flow has closed its feed, and asserts that it did so completed. */
export const completed = (served: Served, token: string, runs: ReadonlyArray<FlowRun>) =>
  Effect.forEach(
    runs,
    ({ events }) =>
      Effect.map(served.follow(events, token, closed), (sent) => {
        const last = sent.at(-1)
        assert.deepInclude(last, { kind: "closed" }, JSON.stringify(sent))
        assert.strictEqual(last?.data.status, "completed", JSON.stringify(sent))
      }),
    { discard: true, concurrency: "unbounded" }
  )
