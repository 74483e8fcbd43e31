/** Two processes share the flows of one PostgreSQL: either answers for all, and one finishes what the other leaves. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { audit } from "../support/FlowAudit.ts"
import { flowBody, type Installation, postgres } from "../support/Installation.ts"
import { freePorts, freePortVariables, serve, type Served } from "../support/Served.ts"
import { serverUrl } from "../support/TestDatabase.ts"

const flowCount = 12

const runner = Effect.fnUntraced(function* (installation: Installation) {
  const [port] = yield* freePorts(1)
  return yield* serve({
    ...installation.env,
    ...(yield* freePortVariables),
    GUICHET_CLUSTER: "socket",
    GUICHET_RUNNER_PORT: String(port)
  })
})

/** How many of the cluster's shards a runner says it has. */
const shardsOf = (served: Served) =>
  Effect.promise(async () => {
    const text = await (await fetch(`${served.core}/metrics`)).text()
    return Number(/^effect_cluster_shards(?:{[^}]*})? (\d+)/m.exec(text)?.[1] ?? 0)
  })

describe.skipIf(serverUrl === undefined)("two runners on one PostgreSQL", () => {
  it.live("share the flows, answer for each other, and finish what a killed one leaves", () =>
    Effect.gen(function* () {
      const installation = yield* postgres
      const token = yield* installation.token
      const [a, b] = yield* Effect.all([runner(installation), runner(installation)], { concurrency: 2 })
      const shards = yield* Effect.all([shardsOf(a), shardsOf(b)]).pipe(
        Effect.repeat({ until: ([one, other]) => one > 0 && other > 0 && one + other === 64 }),
        Effect.timeout("20 seconds")
      )
      console.log(shards)
      const t0 = Date.now()
      const flows = yield* Effect.forEach(
        Array.from({ length: flowCount }, (_, at) => at + 1),
        (eventId) => a.ask("/api/orchestration/complete-flow", { token, body: flowBody(eventId) }),
        { concurrency: flowCount }
      )
      console.log("accepted", Date.now() - t0, flows.map((f) => f.status))
      const first = flows[0]!.json
      const seen = yield* b.follow(first.events_url, token, ({ data, kind }) => kind === "step" && data.step === "tickets")
      console.log("seen", Date.now() - t0)
      yield* a.child.kill("SIGKILL")
      const t1 = Date.now()
      for (const { json } of flows) {
        const sent = yield* b.follow(json.events_url, token, ({ kind }) => kind === "closed").pipe(Effect.timeout("60 seconds"))
        console.log(json.flow_id, Date.now() - t1, sent.at(-1)!.data.status)
        assert.strictEqual(sent.at(-1)?.data.status, "completed", JSON.stringify(sent))
      }
      assert.isAbove(seen.length, 0)
      yield* b.child.kill("SIGTERM")
      yield* audit(installation, flows.map(({ json }) => json.flow_id))
    }), 120_000)
})
