/** A job is stored once, and its end is decided once however many reports come at the same time. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { JobStore } from "../../src/store/JobStore.ts"
import { bad, good, options } from "../support/JobFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Env = Layer.provideMerge(JobStore.layer, TestDatabase.layer)

const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1)

const create = Effect.fn(function* (jobId: string, count: number) {
  const jobs = yield* JobStore
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

layer(Env)("the store of jobs", (it) => {
  it.effect("keeps one job under one id, with its items in chunks of 100", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_1", 250)
      yield* create("job_1", 10)
      const { owner, tickets, total } = yield* jobs.view("job_1")
      assert.deepStrictEqual([owner, total, tickets.length], ["organizer-1", 250, 250])
      assert.deepStrictEqual(yield* jobs.waitingChunks("job_1"), [0, 1, 2])
      assert.deepStrictEqual(yield* jobs.chunk("job_1", 2), numbers(250).slice(200))
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
      const ended = yield* jobs.end("job_2")
      assert.strictEqual(Option.getOrThrow(ended).status, "partially_failed")
      const again = Option.getOrThrow(yield* jobs.end("job_2"))
      assert.deepStrictEqual(again.finished_at, Option.getOrThrow(ended).finished_at)
      yield* jobs.announced("job_2")
      assert.isTrue(Option.isNone(yield* jobs.end("job_2")))
    }))

  it.effect("does not end while a ticket waits", () =>
    Effect.gen(function* () {
      const jobs = yield* create("job_3", 2)
      yield* jobs.begin("job_3")
      const { done } = yield* jobs.applyBatch("job_3", [good(1)])
      assert.isFalse(done)
      assert.isTrue(Option.isNone(yield* jobs.end("job_3")))
      assert.deepStrictEqual(yield* jobs.waitingFor(2), ["job_1", "job_10000", "job_3"])
      assert.strictEqual((yield* jobs.row("job_3")).status, "running")
    }))

  it.effect("does not know a job that nobody created", () =>
    Effect.gen(function* () {
      const jobs = yield* JobStore
      assert.strictEqual((yield* Effect.flip(jobs.view("job_404")))._tag, "JobNotFound")
      assert.strictEqual((yield* Effect.flip(jobs.applyBatch("job_404", [good(1)])))._tag, "JobNotFound")
    }))
})
