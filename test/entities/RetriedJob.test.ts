/**
 * A job that is tried again: by its organiser, or by the keeper of jobs when nothing is heard of it.
 * Guards whose removal turns this file red: the attempt and the edition in the chunk's id, the attempt of a report, the attempt of a
 * retry, the states that may be retried, the delivery that a chase does not repeat, the end that a chase tells, the
 * limit of silence.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, Option } from "effect"
import { Sharding } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { JobStore } from "../../src/store/jobs/JobStore.ts"
import { keep } from "../../src/tickets/JobKeeper.ts"
import { at, bad, good, JobEntities, JobStores, Notes, prepare } from "../support/JobFixture.ts"

const Env = JobEntities.pipe(Layer.provideMerge(Notes.layer), Layer.provideMerge(JobStores))

const sentOf = (jobId: string) =>
  Effect.map(
    Notes,
    (notes) =>
      notes.sent.filter(({ job }) => job.job_id === jobId).map(({ chunkId, job }) => [
        chunkId,
        ...job.tickets.map(({ id }) => id)
      ])
  )
const endsOf = (jobId: string) =>
  Effect.map(Notes, (notes) => notes.ends.filter((end) => end.jobId === jobId).map((end) => end.status))

/** Has the keeper's look at a quiet job taken so often. */
const reminded = (job: Effect.Success<ReturnType<typeof prepare>>["job"], times: number) =>
  Effect.repeat(job.Chase({ giveUp: false }), { times: times - 1 })

const none = { webhookId: "wh_none", generatedAt: at("00:00:00"), tickets: [] }

layer(Env, { excludeTestServices: true })("a job that is tried again", (it) => {
  it.effect("sends its failures alone, under ids of their own, and ends anew", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b, c], view } = yield* prepare(1, 3)
      yield* job.Start({ jobId })
      yield* job.BatchGenerated({
        webhookId: "wh_job_1_0",
        generatedAt: at("10:00:00"),
        tickets: [good(a!), bad(b!), bad(c!)]
      })
      yield* job.Retry({ attempt: 2 })
      yield* job.Retry({ attempt: 2 })
      yield* job.Start({ jobId, attempt: 2 })
      assert.deepStrictEqual(yield* sentOf(jobId), [["job_1_0", a!, b!, c!], ["job_1.2_0", b!, c!]])
      assert.deepInclude(yield* view, { status: "running", attempt: 2, queued: 2, generated: 1, failed: 0 })
      yield* job.BatchGenerated({
        webhookId: "wh_late",
        generatedAt: at("09:00:00"),
        tickets: [good(a!, "late")]
      })
      yield* job.BatchGenerated({
        webhookId: "wh_job_1.2_0",
        generatedAt: at("11:00:00"),
        tickets: [good(b!), good(c!)]
      })
      assert.deepInclude(yield* view, {
        status: "completed",
        attempt: 2,
        generated: 3,
        failed: 0,
        error: null
      })
      assert.deepStrictEqual(yield* endsOf(jobId), ["partially_failed", "completed"])
      const refused = yield* Effect.flip(job.Retry({ attempt: 3 }))
      assert.deepInclude(refused, { _tag: "JobConflict", status: "completed" })
    }))

  it.effect("is not failed by what the attempt before it left behind", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b], view } = yield* prepare(2, 2)
      const notes = yield* Notes
      notes.refuses = (chunkId) => chunkId === "job_2_0"
      yield* job.Start({ jobId })
      assert.strictEqual((yield* view).status, "failed")
      yield* job.Retry({ attempt: 2 })
      yield* job.BatchGenerated({
        webhookId: "wh_job_2_0",
        generatedAt: at("10:00:00"),
        tickets: [bad(a!), good(b!)]
      })
      assert.deepInclude(yield* view, { status: "running", queued: 1, generated: 1, failed: 0 })
      yield* job.BatchGenerated({
        webhookId: "wh_job_2.2_0",
        generatedAt: at("10:00:00"),
        tickets: [bad(a!)]
      })
      assert.deepInclude(yield* view, { status: "partially_failed", failed: 1 })
    }))

  it.effect("had ended: one that runs refuses", () =>
    Effect.gen(function* () {
      const { job, jobId, view } = yield* prepare(3, 1)
      yield* job.Start({ jobId })
      const refused = yield* Effect.flip(job.Retry({ attempt: 2 }))
      assert.deepInclude(refused, { _tag: "JobConflict", status: "running" })
      assert.strictEqual((yield* view).attempt, 1)
    }))

  it.effect("says so when the attempt that is asked for has ended with failures", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a], view } = yield* prepare(15, 1)
      for (const attempt of [1, 2]) {
        if (attempt > 1) yield* job.Retry({ attempt })
        yield* job.Start({ jobId, attempt })
        yield* job.BatchGenerated({
          webhookId: attempt > 1 ? "wh_job_15.2_0" : "wh_job_15_0",
          generatedAt: at("10:00:00"),
          tickets: [bad(a!)]
        })
      }
      const refused = yield* Effect.flip(job.Retry({ attempt: 2 }))
      assert.deepInclude(refused, { _tag: "JobConflict", status: "failed" })
      yield* job.Retry({ attempt: 3 })
      assert.deepInclude(yield* view, { status: "running", attempt: 3, queued: 1 })
    }))

  it.effect("by the keeper sends what nobody reported under its own id, and a lost start", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b], view } = yield* prepare(4, 2)
      const lost = yield* prepare(5, 1)
      yield* job.Start({ jobId })
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("10:00:00"), tickets: [good(a!)] })
      const notes = yield* Notes
      const awaited = new Map([
        ["job_4_0", yield* Deferred.make<void>()],
        ["job_5_0", yield* Deferred.make<void>()]
      ])
      notes.meanwhile = (chunkId) =>
        Effect.forEach(
          Option.toArray(Option.fromNullishOr(awaited.get(chunkId))),
          (sent) => Deferred.succeed(sent, undefined),
          { discard: true }
        )
      yield* keep({ quiet: Duration.zero, giveUp: Duration.days(1) })
      yield* Effect.forEach(awaited.values(), Deferred.await, { discard: true })
      yield* job.Chase({ giveUp: false })
      yield* lost.job.Chase({ giveUp: false })
      const sent = yield* sentOf(jobId)
      assert.deepStrictEqual(sent.slice(0, 2), [["job_4_0", a!, b!], ["job_4_0", b!]])
      assert.deepStrictEqual((yield* sentOf(lost.jobId))[0], ["job_5_0", lost.ticketIds[0]!])
      assert.deepInclude(yield* view, { status: "running", attempt: 1, queued: 1 })
      assert.strictEqual((yield* lost.view).status, "running")
    }))

  it.effect("in vain goes to the generator in a new edition, and takes the reports of both once", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b], view } = yield* prepare(9, 2)
      yield* job.Start({ jobId })
      yield* reminded(job, 3)
      assert.deepStrictEqual((yield* sentOf(jobId)).map(([id]) => id), Array(4).fill("job_9_0"))
      yield* reminded(job, 2)
      assert.deepStrictEqual((yield* sentOf(jobId)).slice(4).map(([id]) => id), [
        "job_9.1.2_0",
        "job_9.1.3_0"
      ])
      const report = { generatedAt: at("10:00:00"), tickets: [good(a!), bad(b!)] }
      yield* job.BatchGenerated({ ...report, webhookId: "wh_job_9.1.2_0" })
      const ended = yield* view
      yield* job.BatchGenerated({ ...report, webhookId: "wh_job_9_0" })
      assert.deepStrictEqual(yield* view, ended)
      assert.deepStrictEqual(yield* endsOf(jobId), ["partially_failed"])
      yield* job.Retry({ attempt: 2 })
      yield* job.Start({ jobId, attempt: 2 })
      yield* job.BatchGenerated({ ...report, webhookId: "wh_job_9.1.3_0" })
      assert.deepInclude(yield* view, { status: "running", queued: 1 })
      yield* reminded(job, 4)
      assert.deepStrictEqual((yield* sentOf(jobId)).slice(6), [
        ...Array(4).fill(["job_9.2_0", b!]),
        ["job_9.2.2_0", b!]
      ])
      yield* job.BatchGenerated({ ...report, webhookId: "wh_job_9.2.2_0" })
      assert.deepInclude(yield* view, { status: "partially_failed", generated: 1, failed: 1 })
    }))

  it.effect("keeps its ids after news, however often it was reminded before", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a] } = yield* prepare(10, 2)
      yield* job.Start({ jobId })
      yield* reminded(job, 3)
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("10:00:00"), tickets: [good(a!)] })
      yield* reminded(job, 3)
      assert.deepStrictEqual((yield* sentOf(jobId)).map(([id]) => id), Array(7).fill("job_10_0"))
    }))

  it.effect("by two looks at once is sent once", () =>
    Effect.gen(function* () {
      const { job, jobId } = yield* prepare(11, 1)
      const notes = yield* Notes
      const [asked, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      yield* job.Start({ jobId })
      yield* reminded(job, 3)
      notes.meanwhile = () => Effect.andThen(Deferred.succeed(asked, undefined), Deferred.await(go))
      const first = yield* Effect.forkChild(reminded(job, 1))
      yield* Deferred.await(asked)
      yield* reminded(job, 1)
      notes.meanwhile = () => Effect.void
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(first)
      assert.deepStrictEqual((yield* sentOf(jobId)).slice(4).map(([id]) => id), ["job_11.1.2_0"])
    }))

  it.effect("keeps its ids when its generator was away, however long", () =>
    Effect.gen(function* () {
      const { job, jobId } = yield* prepare(12, 1)
      const notes = yield* Notes
      const asked = yield* Deferred.make<void>()
      yield* job.Start({ jobId })
      yield* reminded(job, 3)
      notes.meanwhile = () => Effect.asVoid(Deferred.succeed(asked, undefined))
      notes.away = Number.POSITIVE_INFINITY
      const waiting = yield* Effect.forkChild(reminded(job, 1))
      yield* Deferred.await(asked)
      yield* reminded(job, 5)
      notes.away = 0
      yield* Fiber.join(waiting)
      yield* reminded(job, 3)
      const ids = new Set((yield* sentOf(jobId)).map(([id]) => id))
      assert.deepStrictEqual([...ids], ["job_12_0", "job_12.1.2_0"])
    }))

  it.effect("is found although another one cannot be reached", () =>
    Effect.gen(function* () {
      const [lost, found] = [yield* prepare(13, 1), yield* prepare(14, 1)]
      const sharding: Sharding.Sharding["Service"] = yield* Sharding.Sharding
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE ticket_jobs SET announced_at = now() WHERE job_id NOT IN ('job_13', 'job_14')`
      yield* sql`UPDATE ticket_jobs SET news_at = now() - interval '1 hour' WHERE job_id = 'job_13'`
      const asked: Array<string> = []
      const client = (jobId: string) => ({
        Chase: () =>
          Effect.suspend(() => {
            asked.push(jobId)
            return jobId === lost.jobId ? Effect.fail("away") : Effect.void
          })
      })
      yield* keep({ quiet: Duration.zero, giveUp: Duration.days(1) }).pipe(
        Effect.provideService(Sharding.Sharding, {
          ...sharding,
          makeClient: () => Effect.succeed(client)
        } as never)
      )
      assert.sameMembers(asked, [lost.jobId, found.jobId])
    }))

  it.effect("in vain for too long fails what waits, and says why", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a], view } = yield* prepare(6, 2)
      yield* job.Start({ jobId })
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("10:00:00"), tickets: [good(a!)] })
      yield* keep({ quiet: Duration.zero, giveUp: Duration.zero })
      yield* job.BatchGenerated(none)
      yield* job.Chase({ giveUp: true })
      const { status, tickets } = yield* view
      assert.strictEqual(status, "partially_failed")
      assert.strictEqual(tickets[1]?.reason, "generator_silent")
      assert.deepStrictEqual(yield* endsOf(jobId), ["partially_failed"])
    }))

  it.effect("is not sent once more while it is being sent", () =>
    Effect.gen(function* () {
      const { job, jobId, view } = yield* prepare(7, 1)
      const notes = yield* Notes
      const [arrived, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      notes.meanwhile = () => Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(go))
      const starting = yield* Effect.forkChild(job.Start({ jobId }), { startImmediately: true })
      yield* Deferred.await(arrived)
      yield* job.Chase({ giveUp: false })
      assert.deepInclude(yield* view, { status: "running", queued: 1, failed: 0 })
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(starting)
      assert.strictEqual((yield* sentOf(jobId)).length, 1)
    }))

  it.effect("has its end told when nobody told it", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a] } = yield* prepare(8, 1)
      const jobs = yield* JobStore
      yield* jobs.applyBatch(jobId, [good(a!)])
      yield* jobs.end(jobId)
      yield* job.Chase({ giveUp: false })
      yield* job.Chase({ giveUp: false })
      assert.deepStrictEqual(yield* endsOf(jobId), ["completed"])
      assert.deepStrictEqual(yield* sentOf(jobId), [])
    }))
})
