/**
 * A job that is canceled: nothing more of it is sent, and it answers while it is still being sent.
 * Guards whose removal turns this file red: the fork of `Start`, the chunk that is read anew at each try, the end that
 * is told, the reports of a canceled job, the states that may be canceled.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { at, bad, good, JobEntities, JobStores, Notes, prepare } from "../support/JobFixture.ts"

const Env = JobEntities.pipe(Layer.provideMerge(Notes.layer), Layer.provideMerge(JobStores))

const sentOf = (jobId: string) =>
  Effect.map(
    Notes,
    (notes) => notes.sent.filter(({ job }) => job.job_id === jobId).map(({ chunkId }) => chunkId)
  )
const endsOf = (jobId: string) =>
  Effect.map(Notes, (notes) => notes.ends.filter((end) => end.jobId === jobId))

/** Starts the job and holds the generator in its first chunk until `go`. */
const held = Effect.fn(function* (one: Effect.Success<ReturnType<typeof prepare>>) {
  const notes = yield* Notes
  const [arrived, go] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
  notes.meanwhile = (chunkId) =>
    chunkId === `${one.jobId}_0`
      ? Effect.andThen(Deferred.succeed(arrived, undefined), Deferred.await(go))
      : Effect.void
  const starting = yield* Effect.forkChild(one.job.Start({ jobId: one.jobId }), { startImmediately: true })
  yield* Deferred.await(arrived)
  return { go: Effect.andThen(Deferred.succeed(go, undefined), Fiber.join(starting)) }
})

layer(Env, { excludeTestServices: true })("a canceled job", (it) => {
  it.effect("takes reports and its cancellation while it is being sent, and sends no further chunk", () =>
    Effect.gen(function* () {
      const one = yield* prepare(1, 350)
      const { go } = yield* held(one)
      const [first, second] = one.ticketIds
      yield* one.job.BatchGenerated({
        webhookId: "wh_1",
        generatedAt: at("10:00:00"),
        tickets: [good(first!), bad(second!)]
      })
      assert.strictEqual((yield* one.view).generated, 1)
      yield* one.job.Cancel()
      const view = yield* one.view
      assert.deepInclude(view, { status: "canceled", queued: 0, generated: 1, failed: 1, canceled: 348 })
      assert.isNotNull(view.finished_at)
      assert.strictEqual(view.tickets[2]?.status, "canceled")
      yield* go
      assert.deepStrictEqual(yield* sentOf(one.jobId), ["job_1_0"])
      assert.deepStrictEqual(yield* one.view, view)
      assert.deepStrictEqual(yield* endsOf(one.jobId), [{
        jobId: "job_1",
        flowId: "flow_1",
        status: "canceled"
      }])
    }))

  it.effect("is not offered any longer to a generator that was away", () =>
    Effect.gen(function* () {
      const one = yield* prepare(2, 150)
      const notes = yield* Notes
      const { go } = yield* held(one)
      notes.away = 1_000
      yield* one.job.Cancel()
      yield* go
      notes.away = 0
      assert.deepStrictEqual(yield* sentOf(one.jobId), ["job_2_0"])
    }))

  it.effect("ignores what the generator had under way: its tickets stay as they were", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a, b], view } = yield* prepare(3, 2)
      yield* job.Start({ jobId })
      yield* job.Cancel()
      const canceled = yield* view
      yield* job.BatchGenerated({
        webhookId: "wh_job_3_0",
        generatedAt: at("10:00:00"),
        tickets: [good(a!), bad(b!)]
      })
      assert.deepStrictEqual(yield* view, canceled)
      assert.deepInclude(canceled, { generated: 0, failed: 0, canceled: 2 })
      assert.isNull((yield* (yield* TicketStore).get(a!)).file_key)
      assert.strictEqual((yield* endsOf(jobId)).length, 1)
    }))

  it.effect("answers a second time alike, and is not tried again", () =>
    Effect.gen(function* () {
      const { job, jobId, view } = yield* prepare(4, 1)
      yield* job.Cancel()
      const canceled = yield* view
      yield* job.Cancel()
      yield* job.Start({ jobId })
      assert.deepStrictEqual(yield* view, canceled)
      assert.deepStrictEqual(yield* sentOf(jobId), [])
      assert.strictEqual((yield* endsOf(jobId)).length, 1)
      assert.deepInclude(yield* Effect.flip(job.Retry({ attempt: 2 })), {
        _tag: "JobConflict",
        status: "canceled"
      })
    }))

  it.effect("was still under way: one that ended refuses", () =>
    Effect.gen(function* () {
      const { job, jobId, ticketIds: [a], view } = yield* prepare(5, 1)
      yield* job.Start({ jobId })
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("10:00:00"), tickets: [good(a!)] })
      const refused = yield* Effect.flip(job.Cancel())
      assert.deepInclude(refused, { _tag: "JobConflict", status: "completed" })
      assert.strictEqual((yield* view).status, "completed")
    }))
})
