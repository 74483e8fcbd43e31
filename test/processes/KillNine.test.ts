/** Flows outlast kill -9 at each of their steps: they complete after the next start, and nothing happened twice. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Schedule, type Scope } from "effect"
import { audit } from "../support/FlowAudit.ts"
import { completed, type FlowRun, start } from "../support/FlowRuns.ts"
import { embedded, flowBody, type Installation, postgres } from "../support/Installation.ts"
import { type Sent, serve, step } from "../support/Served.ts"
import { serverUrl } from "../support/TestDatabase.ts"

/** One life of the process ends at each of these, seen in the feed of the flow that was started in that life. */
const ends: ReadonlyArray<(event: Sent) => boolean> = [
  step("validation", "completed"),
  step("event", "completed"),
  step("guests", "completed"),
  step("tickets", "running"),
  step("payment", "running"),
  ({ kind }) => kind === "tickets",
  step("payment", "completed"),
  step("notifications", "running"),
  ({ kind }) => kind === "messages",
  step("reminders", "completed")
]

/** A start of the embedded database costs the most of a life: where PostgreSQL has all of them, it has every second. */
const embeddedEnds = serverUrl === undefined ? ends : ends.filter((_, at) => at % 2 === 1)

/** Flows of earlier lives go on in the later ones: they are killed again, wherever they have got to. */
const outlasts = (made: Effect.Effect<Installation, never, Scope.Scope>, lives: typeof ends) =>
  Effect.gen(function* () {
    const installation = yield* made
    const runs: Array<FlowRun> = []
    for (const [at, end] of lives.entries()) {
      const served = yield* serve(installation.env)
      const token = yield* installation.token
      const run = yield* start(served, token, at + 1)
      runs.push(run)
      const sent = yield* served.follow(run.events, token, end)
      yield* served.child.kill("SIGKILL")
      assert.isTrue(sent.some(end), JSON.stringify(sent))
    }
    const served = yield* serve(installation.env)
    yield* completed(served, yield* installation.token, runs)
    yield* served.child.kill("SIGTERM")
    yield* audit(installation, runs.map(({ flowId }) => flowId))
  })

describe("kill -9 at each step of the complete flow", () => {
  it.live("loses nothing and does nothing twice, on the embedded database", () =>
    outlasts(embedded, embeddedEnds))

  it.live.skipIf(serverUrl === undefined)(
    "loses nothing and does nothing twice, on PostgreSQL",
    () => outlasts(postgres, ends)
  )
})

describe("an Idempotency-Key around a kill -9", () => {
  const path = "/api/orchestration/complete-flow"

  it.live("names one flow, whether its answer was lost or not", () =>
    Effect.gen(function* () {
      const installation = yield* serverUrl === undefined ? embedded : postgres
      const first = yield* serve(installation.env)
      const token = yield* installation.token
      const answered = { token, body: flowBody(1), headers: { "idempotency-key": "answered" } }
      const before = yield* first.ask(path, answered)
      const lost = { token, body: flowBody(2), headers: { "idempotency-key": "lost" } }
      const pending = yield* Effect.forkChild(Effect.exit(first.ask(path, lost)))
      yield* first.child.line((line) => line.includes("START") && !line.includes(before.json.flow_id))
      yield* first.child.kill("SIGKILL")
      yield* Fiber.await(pending)

      const second = yield* serve(installation.env)
      const after = yield* second.ask(path, answered)
      assert.strictEqual(after.headers.get("idempotency-replayed"), "true")
      assert.deepStrictEqual(after.json, before.json)
      const again = yield* second.ask(path, lost).pipe(
        Effect.repeat({
          until: ({ status }) => status !== 409,
          schedule: Schedule.spaced("1 second")
        })
      )
      assert.strictEqual(again.status, 202, JSON.stringify(again.json))
      const runs = [before.json, again.json].map(({ events_url, flow_id }) => ({
        events: events_url,
        flowId: flow_id
      }))
      yield* completed(second, token, runs)
      yield* second.child.kill("SIGTERM")
      yield* audit(installation, runs.map(({ flowId }) => flowId))
    }))
})
