/** Told to stop, a process says so, ends what is open, leaves in time, and the next start goes on where it was. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { Agent, get } from "node:http"
import { audit } from "../support/FlowAudit.ts"
import { completed, type FlowRun, start } from "../support/FlowRuns.ts"
import { embedded, flowBody, postgres } from "../support/Installation.ts"
import { type Sent, serve, step } from "../support/Served.ts"
import { serverUrl } from "../support/TestDatabase.ts"
import { wire } from "../support/Wire.ts"

/** What the runtime answers to a signal that it has handled. */
const stopped = 130

/** Ten seconds, or twice what the start took where the machine is so busy that this is longer. */
const promptly = (startTook: Duration.Duration): Duration.Duration =>
  Duration.max(Duration.seconds(10), Duration.times(startTook, 2))

/** Asks again and again on one connection; answers how that ended: told with an answer, or otherwise. */
const askUntilTold = (port: number, path: string) =>
  Effect.promise(async (): Promise<string> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const ask = () =>
      new Promise<string | undefined>((resolve) => {
        const request = get({ agent, host: "127.0.0.1", port, path }, (response) => {
          response.resume()
          response.on("end", () => resolve(response.headers.connection))
          response.on("error", (error) => resolve(`answer: ${error.message}`))
        })
        request.on("error", (error) => resolve(`request: ${error.message}`))
      })
    let last: string | undefined = "keep-alive"
    while (last === "keep-alive") last = await ask()
    agent.destroy()
    return last === "close" ? "told" : String(last)
  })

describe("SIGTERM", () => {
  it.live(
    "turns readiness off, finishes requests, ends streams, and leaves within ten seconds",
    () =>
      Effect.gen(function* () {
        const installation = yield* embedded
        const [startTook, served] = yield* Effect.timed(
          serve({ ...installation.env, DRAIN_SECONDS: "1" })
        )
        const token = yield* installation.token
        const body = flowBody(1)
        const { json: unpaid } = yield* served.ask("/api/orchestration/complete-flow", {
          token,
          body: { ...body, payment_config: { ...body.payment_config, auto_confirm: false } }
        })
        const stream = yield* Effect.forkChild(served.follow(unpaid.events_url, token, () => false))
        yield* served.follow(unpaid.events_url, token, step("payment", "running"))
        process.kill(served.child.pid, "SIGTERM")
        yield* served.child.line((line) => line.includes("Draining"))
        const [ready, run] = yield* Effect.all([served.ask("/health/ready"), start(served, token, 2)], {
          concurrency: 2
        })
        assert.strictEqual(ready.status, 503)
        assert.strictEqual(ready.headers.get("retry-after"), "5")
        assert.strictEqual(yield* Effect.timeout(served.child.exit, promptly(startTook)), stopped)
        const sent: ReadonlyArray<Sent> = yield* Fiber.join(stream)
        assert.isTrue(sent.some(step("payment", "running")), JSON.stringify(sent))

        const again = yield* serve(installation.env)
        yield* completed(again, token, [run])
      })
  )

  it.live(
    "waits for no connection that never asked for anything, nor for a request that does not come whole",
    () =>
      Effect.gen(function* () {
        const installation = yield* embedded
        const { CORE_PORT, TICKETS_PORT } = installation.env
        const [startTook, served] = yield* Effect.timed(serve(installation.env))
        const silent = [yield* wire(TICKETS_PORT), yield* wire(CORE_PORT)]
        const head =
          "POST /api/tickets/generation-jobs HTTP/1.1\r\nhost: core\r\ncontent-type: application/json\r\n"
        const halfHead = yield* wire(CORE_PORT)
        halfHead.say(head)
        const halfBody = yield* wire(CORE_PORT)
        halfBody.say(`${head}authorization: Bearer ${yield* installation.token}\r\n`)
        halfBody.say("expect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        yield* halfBody.heard("HTTP/1.1 100")
        halfBody.say("{")
        process.kill(served.child.pid, "SIGTERM")
        assert.strictEqual(yield* Effect.timeout(served.child.exit, promptly(startTook)), stopped)
        yield* Effect.forEach([...silent, halfHead, halfBody], ({ ended }) => ended)
      })
  )

  it.live("under load resets no connection: each client is told with its last answer", () =>
    Effect.gen(function* () {
      const installation = yield* embedded
      const served = yield* serve(installation.env)
      const clients = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => Effect.forkChild(askUntilTold(Number(installation.env["CORE_PORT"]), "/api/events"))
      )
      yield* served.ask("/health/live")
      process.kill(served.child.pid, "SIGTERM")
      assert.strictEqual(yield* served.child.exit, stopped)
      const ends = yield* Effect.forEach(clients, Fiber.join)
      assert.deepStrictEqual(ends, ends.map(() => "told"))
    }))

  const leaves = Effect.gen(function* () {
    const installation = yield* serverUrl === undefined ? embedded : postgres
    const runs: Array<FlowRun> = []
    const ends = [
      step("guests", "completed"),
      step("payment", "running"),
      ({ kind }: Sent) => kind === "tickets",
      step("notifications", "running")
    ]
    for (const [at, end] of ends.entries()) {
      const served = yield* serve(installation.env)
      const token = yield* installation.token
      const run = yield* start(served, token, at + 1)
      runs.push(run)
      yield* served.follow(run.events, token, end)
      yield* served.child.kill("SIGTERM")
      assert.strictEqual(yield* served.child.exit, stopped, served.child.lines.join("\n"))
    }
    const served = yield* serve(installation.env)
    yield* completed(served, yield* installation.token, runs)
    yield* served.child.kill("SIGTERM")
    yield* audit(installation, runs.map(({ flowId }) => flowId))
  })

  it.live("in the middle of flows loses nothing and does nothing twice", () => leaves)
})
