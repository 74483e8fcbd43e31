/**
 * A job is stored once, its counters are its items, and each attempt ends once, however many reports come at a time.
 * Guards whose removal turns this file red: the lock of the job, the states that a report may change, the attempt of a
 * failure, the states that may be canceled and retried, the attempt of a retry, `announced_at` of an ended job, the feed
 * that a late success opens, the end that may still be told.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import type { GeneratedTicket } from "../../../rpc/Ticket.ts"
import { FeedStore } from "../../../src/store/flows/FeedStore.ts"
import { JobIndex } from "../../../src/store/jobs/JobIndex.ts"
import { feedOfJob, JobStore } from "../../../src/store/jobs/JobStore.ts"
import { bad, good, options } from "../../support/JobFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { numbered } from "../../support/EventIds.ts"

const Env = Layer.merge(JobStore.layer, JobIndex.layer).pipe(
  Layer.provideMerge(FeedStore.layer),
  Layer.provideMerge(TestDatabase.layer)
)

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1)

const create = Effect.fn(function* (jobId: string, count: number) {
  const jobs = yield* JobStore
  yield* numbered("organizer-1", 1)
  yield* jobs.create({
    jobId,
    eventId: 1,
    owner: "organizer-1",
    flowId: null,
    options,
    ticketIds: numbers(count)
  })
  return jobs
})

/** The counters of a job, and what its items say. */
const countsOf = Effect.fn(function* (jobId: string) {
  const { canceled, failed, generated, queued, tickets } = yield* (yield* JobStore).view(jobId)
  const items = { queued: 0, generated: 0, failed: 0, canceled: 0 }
  for (const { status } of tickets) items[status]++
  assert.deepStrictEqual({ queued, generated, failed, canceled }, items)
  return items
})

/** Ends an attempt with these reports, and tells it. */
const finish = Effect.fn(function* (jobId: string, reports: ReadonlyArray<GeneratedTicket>) {
  const jobs = yield* JobStore
  yield* jobs.begin(jobId)
  yield* jobs.applyBatch(jobId, reports)
  const ended = Option.getOrThrow(yield* jobs.end(jobId))
  yield* jobs.announced(yield* jobs.row(jobId))
  return ended
})

const Status = Schema.Struct({ status: Schema.optionalKey(Schema.String) })

/** A feed's events: number, kind, and the status that they tell. */
const told = Effect.fn(function* (feed: string) {
  const events = yield* (yield* FeedStore).after(feed, 0)
  return events.map(({ data, kind, seq }) => {
    const { status } = Schema.decodeUnknownSync(Status)(data)
    return [seq, kind, ...(status === undefined ? [] : [status])].join(" ")
  })
})

layer(Env, { excludeTestServices: true })("the store of jobs", (it) => {
  it.effect("keeps one job under one id, with its items in chunks of 100", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_1", 250)
      yield* create("job_1", 10)
      const { owner, tickets, total } = yield* jobs.view("job_1")
      assert.deepStrictEqual([owner, total, tickets.length], ["organizer-1", 250, 250])
      assert.deepStrictEqual(yield* jobs.waitingChunks("job_1"), [0, 1, 2])
      assert.deepStrictEqual(yield* jobs.chunk({ job_id: "job_1", attempt: 1 }, 2), numbers(250).slice(200))
    }))

  it.effect("stores a job of 10,000 tickets in one statement", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_10000", 10_000)
      assert.strictEqual((yield* jobs.waitingChunks("job_10000")).length, 100)
    }))

  it.effect("counts every ticket once when reports overlap, and ends once", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_2", 60)
      yield* jobs.begin("job_2")
      const reports = [0, 10, 20, 30, 0, 20].map((from) =>
        numbers(60).slice(from, from + 30).map((id) => id % 7 === 0 ? bad(id) : good(id))
      )
      const applied = yield* Effect.all(reports.map((report) => jobs.applyBatch("job_2", report)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        applied.flatMap((report) => report.applied).toSorted((a, b) => a - b),
        numbers(60)
      )
      assert.deepStrictEqual(yield* countsOf("job_2"), { queued: 0, generated: 52, failed: 8, canceled: 0 })
      const ended = yield* jobs.end("job_2")
      assert.strictEqual(Option.getOrThrow(ended).status, "partially_failed")
      const again = Option.getOrThrow(yield* jobs.end("job_2"))
      assert.deepStrictEqual(again.finished_at, Option.getOrThrow(ended).finished_at)
      yield* jobs.announced(yield* jobs.row("job_2"))
      assert.isTrue(Option.isNone(yield* jobs.end("job_2")))
    }))

  it.effect("does not end while a ticket waits", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_3", 2)
      yield* jobs.begin("job_3")
      yield* jobs.applyBatch("job_3", [good(1)])
      assert.isTrue(Option.isNone(yield* jobs.end("job_3")))
      assert.strictEqual((yield* jobs.row("job_3")).status, "running")
    }))

  it.effect("sends each ticket by itself without batch_processing", () =>
    Effect.gen(function* () {
      const jobs = yield* JobStore
      const job = { eventId: 1, owner: "organizer-1", flowId: null, ticketIds: numbers(3) }
      yield* jobs.create({ ...job, jobId: "job_singles", options: { ...options, batch_processing: false } })
      assert.deepStrictEqual(yield* jobs.waitingChunks("job_singles"), [0, 1, 2])
    }))

  it.effect("keeps an end to be told that a report made while another was told", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_between", 2)
      yield* jobs.applyBatch("job_between", [good(1), bad(2)])
      const told = Option.getOrThrow(yield* jobs.end("job_between"))
      yield* jobs.applyBatch("job_between", [good(2)])
      yield* jobs.announced(told)
      const left = Option.getOrThrow(yield* jobs.end("job_between"))
      assert.strictEqual(left.status, "completed")
      yield* jobs.announced(left)
      assert.isTrue(Option.isNone(yield* jobs.end("job_between")))
    }))

  it.effect("lets a success stand against a failure, whichever is told first, also after the end", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_mended", 2)
      yield* jobs.begin("job_mended")
      yield* jobs.applyBatch("job_mended", [good(1), bad(1)])
      yield* jobs.applyBatch("job_mended", [bad(1), bad(2)])
      assert.deepStrictEqual(yield* countsOf("job_mended"), {
        queued: 0,
        generated: 1,
        failed: 1,
        canceled: 0
      })
      assert.strictEqual(Option.getOrThrow(yield* jobs.end("job_mended")).status, "partially_failed")
      yield* jobs.announced(yield* jobs.row("job_mended"))
      const { applied } = yield* jobs.applyBatch("job_mended", [good(2), good(1)])
      assert.deepStrictEqual(applied, [2])
      assert.deepStrictEqual(yield* countsOf("job_mended"), {
        queued: 0,
        generated: 2,
        failed: 0,
        canceled: 0
      })
      assert.strictEqual(Option.getOrThrow(yield* jobs.end("job_mended")).status, "completed")
    }))

  it.effect("cancels what waits, and nothing of the job changes any more", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_canceled", 4)
      yield* jobs.begin("job_canceled")
      yield* jobs.applyBatch("job_canceled", [good(1), bad(2)])
      assert.deepStrictEqual(yield* jobs.chunk({ job_id: "job_canceled", attempt: 1 }, 0), [3, 4])
      yield* jobs.cancel("job_canceled")
      const ended = Option.getOrThrow(yield* jobs.end("job_canceled"))
      assert.strictEqual(ended.status, "canceled")
      yield* jobs.announced(yield* jobs.row("job_canceled"))
      yield* jobs.cancel("job_canceled")
      for (const report of [[good(3)], [bad(4)], [good(2)]]) {
        assert.deepStrictEqual((yield* jobs.applyBatch("job_canceled", report)).applied, [])
      }
      assert.deepStrictEqual(yield* countsOf("job_canceled"), {
        queued: 0,
        generated: 1,
        failed: 1,
        canceled: 2
      })
      assert.deepStrictEqual(yield* jobs.chunk({ job_id: "job_canceled", attempt: 1 }, 0), [])
      assert.deepStrictEqual(yield* jobs.waitingChunks("job_canceled"), [])
      assert.isTrue(Option.isNone(yield* jobs.end("job_canceled")))
      assert.deepStrictEqual((yield* jobs.row("job_canceled")).finished_at, ended.finished_at)
      assert.strictEqual((yield* Effect.flip(jobs.retry("job_canceled", 2)))._tag, "JobConflict")
    }))

  it.effect("cancels and reports at the same time, and counts each ticket once", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_race", 100)
      yield* jobs.begin("job_race")
      const reports = [0, 25, 50, 75].map((from) => numbers(100).slice(from, from + 25).map((id) => good(id)))
      const report = (tickets: typeof reports[number]) => jobs.applyBatch("job_race", tickets)
      yield* Effect.all([
        ...reports.slice(0, 2).map(report),
        jobs.cancel("job_race"),
        ...reports.slice(2).map(report)
      ], {
        concurrency: "unbounded"
      })
      const { canceled, generated, queued } = yield* countsOf("job_race")
      assert.deepStrictEqual([queued, canceled + generated], [0, 100])
      assert.strictEqual((yield* jobs.row("job_race")).status, "canceled")
    }))

  it.effect("does not cancel what has ended", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_over", 1)
      yield* finish("job_over", [good(1)])
      const refused = yield* Effect.flip(jobs.cancel("job_over"))
      assert.deepInclude(refused, { _tag: "JobConflict", status: "completed" })
      assert.strictEqual((yield* Effect.flip(jobs.retry("job_over", 2)))._tag, "JobConflict")
    }))

  it.effect("queues the failures again, densely, once an attempt", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_again", 250)
      assert.strictEqual((yield* Effect.flip(jobs.retry("job_again", 2)))._tag, "JobConflict")
      yield* finish("job_again", numbers(250).map((id) => id % 2 === 0 ? bad(id) : good(id)))
      yield* Effect.all([jobs.retry("job_again", 2), jobs.retry("job_again", 2)], {
        concurrency: "unbounded"
      })
      const job = yield* jobs.row("job_again")
      assert.deepInclude(job, { status: "running", attempt: 2, queued: 125, generated: 125, failed: 0 })
      assert.deepInclude(job, { error: null, finished_at: null })
      assert.deepStrictEqual(yield* jobs.waitingChunks("job_again"), [0, 1])
      assert.deepStrictEqual((yield* jobs.chunk(job, 0)).slice(0, 3), [2, 4, 6])
      assert.deepStrictEqual(yield* jobs.chunk({ ...job, attempt: 1 }, 0), [])
      assert.strictEqual((yield* Effect.flip(jobs.retry("job_again", 3)))._tag, "JobConflict")
      assert.isTrue(Option.isNone(yield* jobs.end("job_again")))
      assert.deepStrictEqual((yield* countsOf("job_again")).queued, 125)
    }))

  it.effect("does not let a failure of an earlier attempt decide a later one", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_stale", 2)
      yield* finish("job_stale", [bad(1), bad(2)])
      yield* jobs.retry("job_stale", 2)
      assert.deepStrictEqual((yield* jobs.applyBatch("job_stale", [bad(1), good(2)], 1)).applied, [2])
      assert.deepStrictEqual((yield* jobs.applyBatch("job_stale", [bad(1)], 2)).applied, [1])
    }))

  it.effect("opens the feed again, so that whoever resumes after its close reads on", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_feed", 1)
      const feed = feedOfJob("job_feed")
      yield* finish("job_feed", [bad(1)])
      yield* jobs.retry("job_feed", 2)
      yield* jobs.retry("job_feed", 2)
      yield* finish("job_feed", [good(1)])
      assert.deepStrictEqual(yield* told(feed), [
        "1 tickets",
        "2 ended failed",
        "3 retried",
        "4 tickets",
        "5 closed completed"
      ])
    }))

  it.effect("closes the feed with the end that is true, however late a success comes", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_late", 2)
      const feed = feedOfJob("job_late")
      yield* jobs.applyBatch("job_late", [bad(1), bad(2)])
      const failed = Option.getOrThrow(yield* jobs.end("job_late"))
      yield* jobs.applyBatch("job_late", [good(1)])
      yield* jobs.announced(failed)
      assert.deepStrictEqual(yield* told(feed), ["1 tickets", "2 tickets"])
      yield* jobs.announced(Option.getOrThrow(yield* jobs.end("job_late")))
      assert.deepStrictEqual((yield* told(feed)).slice(2), ["3 closed partially_failed"])
      yield* jobs.applyBatch("job_late", [good(2)])
      yield* jobs.applyBatch("job_late", [good(2)])
      yield* jobs.announced(Option.getOrThrow(yield* jobs.end("job_late")))
      assert.deepStrictEqual((yield* told(feed)).slice(2), [
        "3 ended partially_failed",
        "4 tickets",
        "5 closed completed"
      ])
    }))

  it.effect("gives up what waits, with the reason", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_silent", 2)
      yield* jobs.begin("job_silent")
      yield* jobs.applyBatch("job_silent", [good(1)])
      assert.deepStrictEqual((yield* jobs.giveUp("job_silent", "generator_silent")).applied, [2])
      assert.deepStrictEqual((yield* jobs.giveUp("job_silent", "generator_silent")).applied, [])
      const { status } = Option.getOrThrow(yield* jobs.end("job_silent"))
      assert.strictEqual(status, "partially_failed")
      assert.strictEqual((yield* jobs.view("job_silent")).tickets[1]?.reason, "generator_silent")
    }))

  it.effect("does not know a job that nobody created", () =>
    Effect.gen(function* () {
      const jobs = yield* JobStore
      assert.strictEqual((yield* Effect.flip(jobs.view("job_404")))._tag, "JobNotFound")
      assert.strictEqual((yield* Effect.flip(jobs.applyBatch("job_404", [good(1)])))._tag, "JobNotFound")
    }))
})
