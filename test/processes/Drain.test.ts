/** Told to stop, a process finishes what it has, leaves in time, and the next start goes on where it was. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { audit } from "../support/FlowAudit.ts"
import { embedded, flowBody } from "../support/Installation.ts"
import { serve } from "../support/Served.ts"

describe("SIGTERM", () => {
  it.live("probe", () =>
    Effect.gen(function* () {
      const installation = yield* embedded
      const served = yield* serve({ ...installation.env, DRAIN_SECONDS: "1" })
      const token = yield* installation.token
      const waiting = flowBody(1)
      const t0 = Date.now()
      const { json: slow } = yield* served.ask("/api/orchestration/complete-flow", {
        token,
        body: { ...waiting, payment_config: { ...waiting.payment_config, auto_confirm: false } }
      })
      const { json: quick } = yield* served.ask("/api/orchestration/complete-flow", { token, body: flowBody(2) })
      const stream = yield* Effect.forkScoped(
        served.follow(slow.events_url, token, ({ kind }) => kind === "closed").pipe(Effect.exit, Effect.tap((e) => Effect.sync(() => console.log("SSE ended", Date.now() - t0, e))))
      )
      yield* served.follow(quick.events_url, token, ({ data }) => data.step === "tickets")
      process.kill(served.child.pid, "SIGTERM")
      const t1 = Date.now()
      yield* served.child.line((line) => line.includes("Draining"))
      const ready = yield* Effect.exit(served.ask("/health/ready"))
      console.log("ready", JSON.stringify(ready), Date.now() - t1)
      const code = yield* served.child.exit
      console.log("exit", code, Date.now() - t1)
      yield* Fiber.join(stream)
      console.log(served.child.lines.join("\n"))
      const again = yield* serve(installation.env)
      const sent = yield* again.follow(quick.events_url, token, ({ kind }) => kind === "closed")
      console.log(sent.at(-1))
      const t2 = Date.now()
      yield* again.child.kill("SIGTERM")
      console.log("2nd exit", Date.now() - t2, yield* again.child.exit, again.child.lines.join("\n"))
    }), 120_000)
})
