/** A flow outlasts kill -9 at each of its steps: it completes after the next start, and nothing happened twice. */
import { describe, it } from "@effect/vitest"
import { assert } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { audit } from "../support/FlowAudit.ts"
import { embedded, flowBody, type Installation, postgres } from "../support/Installation.ts"
import { type Sent, serve, type Served } from "../support/Served.ts"
import { serverUrl } from "../support/TestDatabase.ts"

const step = (name: string, status: string) => ({ data, kind }: Sent) =>
  kind === "step" && data.step === name && data.status === status

const closed = ({ kind }: Sent) => kind === "closed"

/** One life of the process ends at each of these, seen in the feed of a flow that was started in that life. */
const ends: ReadonlyArray<(event: Sent) => boolean> = [
  step("validation", "completed"),
  step("event", "completed"),
  step("guests", "completed"),
  step("tickets", "running"),
  step("payment", "running"),
  ({ kind }) => kind === "tickets",
  step("tickets", "completed"),
  step("payment", "completed"),
  step("notifications", "running"),
  ({ kind }) => kind === "messages",
  step("reminders", "running"),
  step("reminders", "completed")
]

const start = Effect.fnUntraced(function* (served: Served, token: string, eventId: number) {
  const { json, status } = yield* served.ask("/api/orchestration/complete-flow", { token, body: flowBody(eventId) })
  assert.strictEqual(status, 202, JSON.stringify(json))
  return { flowId: String(json.flow_id), events: String(json.events_url) }
})

const survives = (made: Effect.Effect<Installation, never, Scope.Scope>) =>
  Effect.gen(function* () {
    const installation = yield* made
    const flows: Array<{ readonly flowId: string; readonly events: string }> = []
    for (const [at, end] of ends.entries()) {
      const t0 = Date.now()
      const served = yield* serve(installation.env)
      const token = yield* installation.token
      const t1 = Date.now()
      const flow = yield* start(served, token, at + 1)
      flows.push(flow)
      yield* served.follow(flow.events, token, end)
      yield* served.child.kill("SIGKILL")
      console.log(at, "start", t1 - t0, "life", Date.now() - t1)
    }
    const served = yield* serve(installation.env)
    const token = yield* installation.token
    const t1 = Date.now()
    for (const flow of flows) {
      const sent = yield* served.follow(flow.events, token, closed)
      assert.deepStrictEqual(sent.at(-1)?.data.status, "completed", JSON.stringify(sent))
      console.log(flow.flowId, Date.now() - t1)
    }
    yield* served.child.kill("SIGTERM")
    yield* audit(installation, flows.map(({ flowId }) => flowId))
    console.log(served.child.lines.filter((l) => !l.includes("ORCH")).join("\n"))
  })

describe("kill -9 after each step's event", () => {
  it.live("loses and repeats nothing on the embedded database", () => survives(embedded), 120_000)

  it.live.skipIf(serverUrl === undefined)("loses and repeats nothing on PostgreSQL", () => survives(postgres), 120_000)
})
