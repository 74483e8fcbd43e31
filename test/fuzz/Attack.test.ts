/**
 * Two organisers: one attacks with everything of the fuzzer from 32 connections, the other scans at 100 a second, and
 * waits at most three times as long as without the attack (p99). `deno task attack` runs it, for `ATTACK_SECONDS` and
 * from `FUZZ_SEED`; the suite looks at how it measures.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomInt } from "node:crypto"
import { availableParallelism, loadavg } from "node:os"
import process from "node:process"
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { startProgram } from "../support/ChildProgram.ts"
import { completed, start } from "../support/FlowRuns.ts"
import { flowBody, postgres } from "../support/Installation.ts"
import { atPace, quantile } from "../support/Pace.ts"
import { serve, type Served } from "../support/Served.ts"
import { serverUrl } from "../support/TestDatabase.ts"
import { noLimits } from "../support/Unlimited.ts"

const seconds = Number(process.env["ATTACK_SECONDS"] ?? (process.env["ATTACK_ALONE"] === undefined ? 0 : 20))
const seed = Number(process.env["FUZZ_SEED"] ?? randomInt(2 ** 31))

const perSecond = 100
const rounds = 3

/** Tokens are made by the admin, as an installation makes them. */
const tokenOf = (served: Served, admin: string, subject: string) =>
  Effect.map(
    served.ask("/api/tokens", { token: admin, body: { role: "organizer", subject } }),
    ({ json }) => String(json.token)
  )

describe("the pace of scans", () => {
  it("counts a scan from when it was due, not from when there was time for it", async () => {
    let now = 0
    const took = await atPace({ count: 3, perSecond: 10 }, () => {
      now += 500
      return Promise.resolve()
    }, () => now)
    assert.deepStrictEqual(took, [1_500, 1_400, 1_300])
  })

  it("has a p99 that one of a hundred is above", () => {
    const values = Array.from({ length: 200 }, (_, at) => 200 - at)
    assert.deepStrictEqual([quantile(values, 0.5), quantile(values, 0.99), quantile([7], 0.99)], [
      100,
      198,
      7
    ])
  })
})

describe.skipIf(seconds === 0 || serverUrl === undefined)("an organiser who attacks", () => {
  it.live(`does not keep another's guests waiting (FUZZ_SEED=${seed})`, () =>
    Effect.gen(function* () {
      const installation = yield* postgres
      const limits = Object.fromEntries(Object.keys(noLimits).map((name) => [name, undefined]))
      const env = Object.fromEntries(
        Object.entries({ ...installation.env, ...limits }).filter((entry): entry is [string, string] =>
          entry[1] !== undefined
        )
      )
      const served = yield* serve(env)
      const admin = yield* installation.token
      const [mallory, bob] = [yield* tokenOf(served, admin, "mallory"), yield* tokenOf(served, admin, "bob")]
      const body = flowBody(1)
      const guests = Array.from({ length: 50 }, (_, at) => ({
        ...body.guests[0]!,
        guest_id: at + 1,
        email: `guest-${at}@example.com`
      }))
      const run = yield* start(served, bob, {
        ...body,
        event_data: { ...body.event_data, reentry: true },
        guests
      })
      yield* completed(served, bob, [run])
      const flow = yield* served.ask(`/api/orchestration/flows/${run.flowId}`, { token: bob })
      const job = yield* served.ask(`/api/tickets/generation-jobs/${flow.json.job_id}`, { token: bob })
      const codes = yield* Effect.forEach(
        job.json.tickets as ReadonlyArray<{ readonly ticket_id: number }>,
        ({ ticket_id }) =>
          Effect.map(served.ask(`/api/tickets/${ticket_id}`, { token: bob }), ({ json }) =>
            String(json.ticket_code))
      )
      const { json: steward } = yield* served.ask("/api/tokens", {
        token: admin,
        body: { role: "operator", subject: "steward", organizer: "bob", events: [1] }
      })
      let scans = 0
      const verdicts = new Map<string, number>()
      const scan = async () => {
        const at = scans++
        const response = await fetch(`${served.core}/api/scans/validate`, {
          method: "POST",
          headers: { authorization: `Bearer ${steward.token}`, "content-type": "application/json" },
          body: JSON.stringify({
            ...scanned,
            event_id: 1,
            scan_id: `attacked-${at}`,
            ticket_code: codes[at % codes.length],
            direction: Math.floor(at / codes.length) % 2 === 0 ? "entry" : "exit"
          })
        })
        const { result = response.status } = await response.json()
        verdicts.set(String(result), (verdicts.get(String(result)) ?? 0) + 1)
      }
      const measured = Effect.promise(() =>
        atPace({ count: seconds * perSecond, perSecond }, scan)
      )
      yield* Effect.promise(() => atPace({ count: 3 * perSecond, perSecond }, scan))
      const alone: Array<number> = []
      const attacked: Array<number> = []
      const answered: Array<string> = []
      for (let round = 0; round < rounds; round++) {
        alone.push(...yield* measured)
        yield* Effect.gen(function* () {
          const attacker = yield* startProgram("test/fuzz/Attacker.ts", [
            mallory,
            String(seed + round * 10_000_000)
          ], env)
          yield* attacker.line((line) => line.startsWith("attack"))
          attacked.push(...yield* measured)
          answered.push(attacker.lines.findLast((line) => line.startsWith("attack")) ?? "")
          yield* attacker.kill("SIGTERM")
        }).pipe(Effect.scoped)
        // What the attack left behind is not the next round's.
        yield* Effect.promise(() => atPace({ count: 3 * perSecond, perSecond }, scan))
      }
      const [without, under] = [quantile(alone, 0.99), quantile(attacked, 0.99)]
      const held = served.child.lines.filter((line) => line.includes("The event loop was held"))
        .map((line) => /"work":"([^"]+)"/.exec(line)?.[1] ?? "")
      process.stdout.write(
        `attack: FUZZ_SEED=${seed}, ${availableParallelism()} processors, load ${
          loadavg()[0]!.toFixed(1)
        }; ` +
          `p50 ${quantile(alone, 0.5).toFixed(1)} -> ${quantile(attacked, 0.5).toFixed(1)} ms, ` +
          `p99 ${without.toFixed(1)} -> ${under.toFixed(1)} ms (${(under / without).toFixed(2)} times); ` +
          `${JSON.stringify(Object.fromEntries(verdicts))}; ${answered.join(" ")}; held by ${
            JSON.stringify([...Map.groupBy(held, (work) => work)].map(([work, all]) => [work, all.length]))
          }\n`
      )
      assert.isAtMost(under / without, 3)
    }).pipe(Effect.scoped), 300_000 + seconds * rounds * 3_000)
})
