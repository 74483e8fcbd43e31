/**
 * Jobs are listed newest first in pages that neither skip nor double, found by a ticket that they wait for, and late when
 * nothing is heard of them.
 * Guards whose removal turns this file red: each filter, the owner, the order, the states of `waitingFor` and its last
 * job, `announced_at`, the news and the doubled rest of `late`, the limit of silence and its rest.
 */
import { assert, layer } from "@effect/vitest"
import { Duration, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import type { JobOptions } from "../../../rpc/TicketJob.ts"
import { FeedStore } from "../../../src/store/flows/FeedStore.ts"
import { JobIndex } from "../../../src/store/jobs/JobIndex.ts"
import { JobStore } from "../../../src/store/jobs/JobStore.ts"
import { bad, good, options } from "../../support/JobFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { numbered } from "../../support/EventIds.ts"

const Env = Layer.merge(JobStore.layer, JobIndex.layer).pipe(
  Layer.provide(FeedStore.layer),
  Layer.provideMerge(TestDatabase.layer)
)

interface Changes {
  readonly eventId?: number
  readonly owner?: string
  readonly flowId?: string
  readonly priority?: JobOptions["priority"]
  readonly ticketIds?: ReadonlyArray<number>
}

const create = Effect.fn(function* (jobId: string, changes: Changes = {}) {
  const { eventId = 1, flowId = null, owner = "alice", priority = "high", ticketIds = [1] } = changes
  const jobs = yield* JobStore
  yield* numbered(owner, eventId)
  yield* jobs.create({ jobId, eventId, owner, flowId, options: { ...options, priority }, ticketIds })
  return jobs
})

type Page = Parameters<JobIndex["Service"]["page"]>

const pageOf = Effect.fn(function* (filters: Page[1], request: Partial<Page[0]> = {}) {
  const { more, rows } = yield* (yield* JobIndex).page(
    { owner: undefined, before: undefined, limit: 10, ...request },
    filters
  )
  return { ids: rows.map((job) => job.job_id), more, last: rows.at(-1)?.seq }
})

/** As if the last news of every job were this old. */
const age = (minutes: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql`UPDATE ticket_jobs SET news_at = news_at - make_interval(mins => ${minutes}::int),
          chased_at = chased_at - make_interval(mins => ${minutes}::int)`
  )

const patience = { quiet: Duration.minutes(5), giveUp: Duration.hours(1) }

const late = Effect.flatMap(JobIndex, (index) => index.late(patience))

layer(Env, { excludeTestServices: true })("the index of jobs", (it) => {
  it.effect("lists newest first, page after page, while others are created", () =>
    Effect.gen(function* () {
      for (const at of [1, 2, 3, 4, 5]) yield* create(`job_page_${at}`, { eventId: 7 })
      const first = yield* pageOf({ event_id: 7 }, { limit: 2 })
      assert.deepStrictEqual([first.ids, first.more], [["job_page_5", "job_page_4"], true])
      yield* create("job_page_6", { eventId: 7 })
      const second = yield* pageOf({ event_id: 7 }, { limit: 2, before: first.last })
      assert.deepStrictEqual(second.ids, ["job_page_3", "job_page_2"])
      const third = yield* pageOf({ event_id: 7 }, { limit: 2, before: second.last })
      assert.deepStrictEqual([third.ids, third.more], [["job_page_1"], false])
    }))

  it.effect("lists what fits every filter", () =>
    Effect.gen(function* () {
      yield* create("job_plain", { eventId: 8 })
      yield* create("job_low", { eventId: 8, priority: "low" })
      yield* create("job_flow", { eventId: 8, flowId: "flow_8" })
      const jobs = yield* create("job_bob", { eventId: 8, owner: "bob" })
      yield* jobs.begin("job_bob")
      assert.deepStrictEqual((yield* pageOf({ event_id: 8 })).ids, [
        "job_bob",
        "job_flow",
        "job_low",
        "job_plain"
      ])
      assert.deepStrictEqual((yield* pageOf({ event_id: 8 }, { owner: "bob" })).ids, ["job_bob"])
      assert.deepStrictEqual((yield* pageOf({ event_id: 8, priority: "low" })).ids, ["job_low"])
      assert.deepStrictEqual((yield* pageOf({ event_id: 8, status: "running" })).ids, ["job_bob"])
      assert.deepStrictEqual((yield* pageOf({ flow_id: "flow_8" })).ids, ["job_flow"])
      assert.deepStrictEqual((yield* pageOf({ flow_id: "flow_8", priority: "low" })).ids, [])
    }))

  it.effect("finds the jobs that wait for a ticket, and the last one that failed it for a success", () =>
    Effect.gen(function* () {
      const index = yield* JobIndex
      for (const id of ["job_failed_1", "job_failed_2", "job_gone", "job_waits"]) {
        yield* create(id, { ticketIds: [90] })
      }
      const jobs = yield* create("job_other", { ticketIds: [91] })
      yield* jobs.cancel("job_gone")
      assert.deepStrictEqual(yield* index.waitingFor(90, false), [
        "job_failed_1",
        "job_failed_2",
        "job_waits"
      ])
      for (const id of ["job_failed_1", "job_failed_2"]) yield* jobs.applyBatch(id, [bad(90)])
      assert.deepStrictEqual(yield* index.waitingFor(90, false), ["job_waits"])
      assert.deepStrictEqual(yield* index.waitingFor(90, true), ["job_waits"])
      yield* jobs.applyBatch("job_waits", [bad(90)])
      assert.deepStrictEqual(yield* index.waitingFor(90, false), [])
      assert.deepStrictEqual(yield* index.waitingFor(90, true), ["job_waits"])
      yield* jobs.applyBatch("job_waits", [good(90)])
      assert.deepStrictEqual(yield* index.waitingFor(90, true), [])
    }))

  it.effect("takes a job that is quiet, after a reminder at twice the time, until there is news, and tells when it is silent", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE ticket_jobs SET announced_at = now()`
      const jobs = yield* create("job_late", { ticketIds: [1, 2] })
      const told = yield* create("job_told")
      yield* told.applyBatch("job_told", [good(1)])
      yield* told.end("job_told")
      yield* told.announced(yield* told.row("job_told"))
      yield* jobs.begin("job_late")
      assert.deepStrictEqual(yield* late, [])
      yield* age(6)
      assert.deepStrictEqual(yield* late, [{ job_id: "job_late", silent: false }])
      assert.deepStrictEqual(yield* late, [])
      yield* age(6)
      assert.deepStrictEqual(yield* late, [{ job_id: "job_late", silent: false }])
      yield* jobs.reminded(yield* jobs.row("job_late"))
      yield* age(6)
      assert.deepStrictEqual(yield* late, [])
      yield* age(6)
      assert.deepStrictEqual(yield* late, [{ job_id: "job_late", silent: false }])
      yield* age(60)
      assert.deepStrictEqual(yield* late, [{ job_id: "job_late", silent: true }])
      yield* age(4)
      assert.deepStrictEqual(yield* late, [])
      yield* age(2)
      assert.deepStrictEqual(yield* late, [{ job_id: "job_late", silent: true }])
      yield* jobs.applyBatch("job_late", [good(1)])
      assert.deepStrictEqual(yield* late, [])
      yield* age(6)
      assert.deepStrictEqual(yield* late, [{ job_id: "job_late", silent: false }])
      yield* jobs.applyBatch("job_late", [good(2)])
      assert.isTrue(Option.isSome(yield* jobs.end("job_late")))
      yield* age(6)
      assert.deepStrictEqual(yield* late, [{ job_id: "job_late", silent: false }])
      yield* jobs.announced(yield* jobs.row("job_late"))
      yield* age(600)
      assert.deepStrictEqual(yield* late, [])
    }))
})
