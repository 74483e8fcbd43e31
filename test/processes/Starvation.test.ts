/**
 * A machine without time: `deno task starve` (`STARVE_SECONDS`, 60; `STARVE_SEED`, 1; `STARVE_RUNNERS`, 1 or 2). Twenty
 * busy loops take both cores while flows are sent at random moments; with two runners one is killed in the middle. Then
 * it is quiet: every flow completes, none was begun again, no shard was given away, and readiness says so.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Schedule, Scope } from "effect"
import { SqlClient } from "effect/sql"
import process from "node:process"
import { startCommand } from "../support/ChildCommand.ts"
import { audit } from "../support/FlowAudit.ts"
import { type FlowRun, start } from "../support/FlowRuns.ts"
import { flowBody, type Installation, postgres } from "../support/Installation.ts"
import { serve } from "../support/Served.ts"
import { runner } from "../support/ServedRunners.ts"
import { serverUrl } from "../support/TestDatabase.ts"

const seconds = Number(process.env.STARVE_SECONDS ?? (process.env.STARVE_ALONE === undefined ? 0 : 60))
const seed = Number(process.env.STARVE_SEED ?? 1)
const runners = Number(process.env.STARVE_RUNNERS ?? 1)

/** As many as make a load of twenty. */
const busyLoops = 20

/** A flow a second and a half, that is more than the starved machine does. */
const flows = Math.max(8, Math.round(seconds / 1.5))

/** Mulberry32: the same moments for the same seed. */
const random = (state: number) => () => {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}

const started = (installation: Installation) => runners === 1 ? serve(installation.env) : runner(installation)

/** Time enough for a starved machine: what is looked at is that a flow is never told wrongly. */
const patientBody = (eventId: number) => {
  const body = flowBody(eventId)
  return { ...body, orchestration_options: { ...body.orchestration_options, timeout_seconds: 3_600 } }
}

/** Waits until so many flows have ended, however they did. */
const ended = (installation: Installation, count: number) =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT 1 FROM flows WHERE finished_at IS NOT NULL`).pipe(
    Effect.repeat({ until: (rows) => rows.length === count, schedule: Schedule.spaced("500 millis") }),
    Effect.provide(installation.database)
  )

describe.skipIf(serverUrl === undefined || seconds === 0)("a machine without time", () => {
  it.live(
    `completes every flow after ${seconds} seconds of it, seed ${seed}, runners ${runners}`,
    () =>
      Effect.gen(function* () {
        const installation = yield* postgres
        const token = yield* installation.token
        const stays = yield* started(installation)
        const dies = runners === 1 ? undefined : yield* started(installation)
        const load = yield* Scope.make()
        yield* Effect.forEach(
          Array.from({ length: busyLoops }),
          () => startCommand("/bin/sh", ["-c", "while :; do :; done"]),
          { discard: true }
        ).pipe(Scope.provide(load))

        const next = random(seed)
        const moments = Array.from({ length: flows }, () => next() * seconds * 1_000).sort((a, b) => a - b)
        const began = performance.now()
        const runs: Array<FlowRun> = []
        let ready = 0
        const asked: Array<string> = []
        for (const [at, moment] of moments.entries()) {
          yield* Effect.sleep(Math.max(0, moment - (performance.now() - began)))
          runs.push(yield* start(stays, token, patientBody(at + 1)))
          const { json, status } = yield* stays.ask("/health/ready")
          if (status === 200) ready++
          else asked.push(json.detail)
          if (dies !== undefined && at === flows >> 1) yield* dies.child.kill("SIGKILL")
        }
        yield* Scope.close(load, Exit.void)
        const quiet = performance.now()
        yield* ended(installation, runs.length)
        const waited = Math.round(performance.now() - quiet)
        const says = (text: string) => stays.child.lines.filter((line) => line.includes(text)).length
        yield* Effect.log("starved", {
          flows,
          sentWithinMs: Math.round(quiet - began),
          completeAfterQuietMs: waited,
          ready,
          notReady: asked,
          unhealthy: says("Shard lock storage is unhealthy"),
          sessionsLost: says("session of the shards' locks is lost"),
          shardsLost: says("Locks of shards are lost"),
          abandoned: says("Abandoning a request")
        })
        assert.strictEqual(says("Shard lock storage is unhealthy") + says("Locks of shards are lost"), 0)
        for (const { flowId } of runs) assert.isAtMost(says(`START ${flowId}:`), 1)
        yield* stays.child.kill("SIGTERM")
        yield* audit(installation, runs.map(({ flowId }) => flowId))
      }),
    3_600_000
  )
})
