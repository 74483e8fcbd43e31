/**
 * How long a client waits when one of two runners is killed: `deno task failover` (`FAILOVER_RUNS`, 10). Each run kills
 * one of them under scans of 16 events and open flows, and prints the longest gap between two answers for an event that
 * the dead one had, and when each of its flows went on.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { SqlClient } from "effect/sql"
import process from "node:process"
import { completed, type FlowRun, start } from "../support/FlowRuns.ts"
import { type Installation, postgres } from "../support/Installation.ts"
import type { Served } from "../support/Served.ts"
import { gauge, runner } from "../support/ServedRunners.ts"
import { serverUrl } from "../support/TestDatabase.ts"
import documented from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }

const runs = Number(process.env.FAILOVER_RUNS ?? (process.env.FAILOVER_ALONE === undefined ? 0 : 10))
const flowsEach = Number(process.env.FAILOVER_FLOWS ?? 12)

const events = Array.from({ length: 16 }, (_, at) => at + 1)

/** Scans one event again and again, and answers the longest time between two answers, in milliseconds. */
const scanning = Effect.fnUntraced(function* (
  served: Served,
  token: string,
  scan: { readonly event: number; readonly code: string },
  isOver: () => boolean
) {
  const body = { ...documented, event_id: scan.event, ticket_code: scan.code }
  let last = performance.now()
  let longest = 0
  while (!isOver()) {
    const { status } = yield* served.ask("/api/scans/validate", { token, body })
    const now = performance.now()
    if (status === 200) {
      longest = Math.max(longest, now - last)
      last = now
    }
    yield* Effect.sleep(20)
  }
  return longest
})

const quantiles = (values: ReadonlyArray<number>) => {
  const sorted = values.map(Math.round).sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: sorted.at(-1) }
}

/** When each flow first wrote something after this moment, in milliseconds; flows that had ended before are left out. */
const wentOn = (installation: Installation, flows: ReadonlyArray<FlowRun>, killed: Date) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    sql<{ waited: number }>`
      SELECT (extract(epoch FROM min(at) - ${killed}::timestamptz) * 1000)::float8 AS waited
      FROM (SELECT flow_id, started_at AS at FROM flow_steps UNION ALL SELECT flow_id, finished_at FROM flow_steps) AS s
      WHERE at > ${killed}::timestamptz AND flow_id IN ${sql.in(flows.map(({ flowId }) => flowId))}
      GROUP BY flow_id`).pipe(
      Effect.map((rows) => rows.map(({ waited }) => waited)),
      Effect.provide(installation.database)
    )

describe.skipIf(serverUrl === undefined || runs === 0)("one of two runners is killed", () => {
  it.live(`${runs} times, and its scans and flows go on`, () =>
    Effect.gen(function* () {
      const installation = yield* postgres
      const token = yield* installation.token
      const stays = yield* runner(installation)
      yield* completed(
        stays,
        token,
        yield* Effect.forEach(events, (event) => start(stays, token, event), { concurrency: 2 })
      )
      const scans = yield* Effect.flatMap(SqlClient.SqlClient, (sql) =>
        sql<{ event: number; code: string }>`
          SELECT number AS event, code FROM tickets JOIN event_numbers USING (event_id) WHERE guest_id = 1`)
        .pipe(
          Effect.provide(installation.database)
        )
      const gaps: Array<number> = []
      const waits: Array<number> = []
      let next = 1_000
      for (let run = 0; run < runs; run++) {
        const dies = yield* runner(installation)
        yield* Effect.repeat(Effect.all([gauge(stays, "shards"), gauge(dies, "shards")]), {
          until: ([a, b]) => a > 0 && b > 0 && a + b === 64
        })
        let over = false
        const scanned = yield* Effect.forkScoped(Effect.forEach(
          scans,
          (scan) => scanning(stays, token, scan, () => over),
          { concurrency: "unbounded" }
        ))
        const flows = yield* Effect.forEach(
          Array.from({ length: flowsEach }, () => next++),
          (event) => start(stays, token, event),
          { concurrency: "unbounded" }
        )
        const killed = new Date()
        yield* dies.child.kill("SIGKILL")
        yield* completed(stays, token, flows)
        over = true
        const all = yield* Fiber.join(scanned)
        const waited = yield* wentOn(installation, flows, killed)
        gaps.push(Math.max(...all))
        waits.push(...waited)
        yield* Effect.log("run", { run, gaps: quantiles(all), waits: quantiles(waited) })
        assert.isAbove(scans.length, 0)
      }
      yield* Effect.log("all runs", { longestGaps: quantiles(gaps), flowsWentOn: quantiles(waits) })
      yield* stays.child.kill("SIGTERM")
    }), 3_600_000)
})
