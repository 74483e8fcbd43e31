/**
 * A generation job while its generator is away.
 * Guards whose removal turns this file red: the repeated rounds of `TicketJob.deliverAll` and the pause before the
 * second, the chunks that it has delivered, the refusals that end a round and the success that forgets them, the chunk
 * behind which a round begins, the line that is logged again, the silence that gives up what is being delivered,
 * `InterruptOnTermination` of `Start`.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope } from "effect"
import {
  MessageStorage,
  RunnerHealth,
  Runners,
  RunnerStorage,
  Sharding,
  ShardingConfig
} from "effect/cluster"
import { JobStore } from "../../src/store/jobs/JobStore.ts"
import { spent } from "../support/PassingTime.ts"
import { at, entitiesOn, good, JobEntities, JobStores, Notes, prepare } from "../support/JobFixture.ts"

const Env = JobEntities.pipe(Layer.provideMerge(Notes.layer), Layer.provideMerge(JobStores))

/** Which chunks of a job the generator was asked to take, in order. */
const triesOf = (jobId: string) =>
  Effect.map(
    Notes,
    ({ sent }) =>
      sent.filter(({ job }) => job.job_id === jobId).map(({ chunkId }) => Number(chunkId.split("_").at(-1)))
  )

/** Opens when the generator is asked to take a chunk. */
const asked = Effect.fn(function* (chunkId: string) {
  const notes = yield* Notes
  const arrived = yield* Deferred.make<void>()
  notes.meanwhile = (id) => id === chunkId ? Deferred.succeed(arrived, undefined) : Effect.void
  return Deferred.await(arrived)
})

layer(Env, { excludeTestServices: true })("a generation job", (it) => {
  it.effect("hands a chunk over again, under its own id, while the generator is away for a moment", () =>
    Effect.gen(function* () {
      const notes = yield* Notes
      const { job, jobId, view } = yield* prepare(1, 2)
      notes.away = 2
      yield* job.Start({ jobId })
      assert.deepStrictEqual(notes.sent.map(({ chunkId }) => chunkId), Array(3).fill("job_1_0"))
      assert.deepInclude(yield* view, { status: "running", failed: 0, error: null })
      assert.deepStrictEqual(notes.ends, [])
    }))

  it.effect("gives a chunk up at once when the generator will never take it", () =>
    Effect.gen(function* () {
      const notes = yield* Notes
      const { job, jobId, view } = yield* prepare(2, 2)
      notes.away = 0
      notes.refuses = (chunkId) => chunkId === "job_2_0"
      yield* job.Start({ jobId })
      assert.strictEqual(notes.sent.filter(({ chunkId }) => chunkId === "job_2_0").length, 1)
      assert.strictEqual((yield* view).status, "failed")
    }))

  it.effect("does not try every chunk of a generator that is away, and goes on where it was", () =>
    Effect.gen(function* () {
      const notes = yield* Notes
      const { job, jobId, view } = yield* prepare(3, 600)
      notes.away = 5
      yield* job.Start({ jobId })
      assert.deepStrictEqual(yield* triesOf(jobId), [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4])
      assert.deepInclude(yield* view, { status: "running", queued: 600 })
    }))

  it.effect("is not held up by chunks that the generator cannot take", () =>
    Effect.gen(function* () {
      const notes = yield* Notes
      const { job, jobId } = yield* prepare(4, 600)
      const last = yield* asked("job_4_5")
      notes.busy = (chunkId) => ["job_4_0", "job_4_1", "job_4_3", "job_4_4"].includes(chunkId)
      const starting = yield* Effect.forkChild(job.Start({ jobId }))
      yield* last
      notes.busy = () => false
      yield* Fiber.join(starting)
      assert.deepStrictEqual((yield* triesOf(jobId)).slice(0, 6), [0, 1, 2, 3, 4, 5])
      assert.deepStrictEqual(new Set((yield* triesOf(jobId)).slice(6)), new Set([0, 1, 3, 4]))
    }))

  it.effect("sends the rest of its chunks, whatever the first ones meet", () =>
    Effect.gen(function* () {
      const notes = yield* Notes
      const { job, jobId } = yield* prepare(7, 700)
      const last = yield* asked("job_7_6")
      notes.busy = (chunkId) => ["job_7_0", "job_7_1", "job_7_2"].includes(chunkId)
      const starting = yield* Effect.forkChild(job.Start({ jobId }))
      yield* last
      notes.busy = () => false
      yield* Fiber.join(starting)
      assert.deepStrictEqual((yield* triesOf(jobId)).slice(0, 7), [0, 1, 2, 3, 4, 5, 6])
    }))

  it.effect("takes reports, and ends whole when it is given up, however many chunks it has", () =>
    Effect.gen(function* () {
      const notes = yield* Notes
      const { job, jobId, ticketIds: [first], view } = yield* prepare(5, 600)
      const tried = yield* asked("job_5_2")
      notes.away = Number.POSITIVE_INFINITY
      const starting = yield* Effect.forkChild(job.Start({ jobId }))
      yield* tried
      yield* job.BatchGenerated({ webhookId: "wh_1", generatedAt: at("10:00:00"), tickets: [good(first!)] })
      yield* job.Chase({ giveUp: false })
      assert.deepInclude(yield* view, { status: "running", queued: 599, generated: 1 })
      yield* job.Chase({ giveUp: true })
      const { failed, status, tickets } = yield* view
      assert.deepStrictEqual([status, failed, tickets[599]?.reason], [
        "partially_failed",
        599,
        "generator_silent"
      ])
      yield* Fiber.join(starting)
      notes.away = 0
      assert.deepStrictEqual(notes.ends.filter((end) => end.jobId === jobId).map((end) => end.status), [
        "partially_failed"
      ])
      assert.deepStrictEqual([...new Set(yield* triesOf(jobId))], [0, 1, 2])
    }))
})

/** Lines that say that the generator is away. */
const lines = Effect.sync(() => {
  const said: Array<unknown> = []
  const logger = Logger.make(({ message }) => {
    if (String(message).startsWith("The ticket generator is away")) said.push(message)
  })
  return { said, layer: Logger.layer([logger]) }
})

layer(Env)("a generation job whose generator is away for a moment", (it) => {
  it.effect("pauses between two rounds", () =>
    Effect.gen(function* () {
      const notes = yield* Notes
      const { job, jobId } = yield* prepare(8, 1)
      const tried = yield* asked("job_8_0")
      notes.away = 1
      const starting = yield* Effect.forkChild(job.Start({ jobId }))
      yield* tried
      const jobs = yield* JobStore
      yield* Effect.repeat(jobs.waitingChunks(jobId), { times: 20 })
      assert.deepStrictEqual(yield* triesOf(jobId), [0])
      yield* spent("1 second")(Fiber.join(starting))
      assert.deepStrictEqual(yield* triesOf(jobId), [0, 0])
    }))
})

describe("a generation job whose generator is away for hours", () => {
  it.effect("says so again about once an hour", () =>
    Effect.gen(function* () {
      const { layer, said } = yield* lines
      yield* Effect.gen(function* () {
        const notes = yield* Notes
        const { job, jobId } = yield* prepare(9, 1)
        notes.away = 250
        yield* spent("1 minute")(job.Start({ jobId }))
      }).pipe(Effect.provide(Env.pipe(Layer.provide(layer))))
      assert.strictEqual(said.length, 3)
    }))
})

/** A runner whose mailboxes outlive it. */
const Runner = Sharding.layer.pipe(
  Layer.provide([Runners.layerNoop, RunnerHealth.layerNoop, RunnerStorage.layerMemory])
)

const Kept = Layer.mergeAll(Notes.layer, JobStores, MessageStorage.layerMemory).pipe(
  Layer.provideMerge(ShardingConfig.layer({ entityMessagePollInterval: "50 millis" }))
)

describe("a generation job that waits for its generator", () => {
  it.live("does not hold up the end of its process, and goes on in the next one", () =>
    Effect.gen(function* () {
      const notes = yield* Notes
      const run = (scope: Scope.Scope) => Layer.buildWithScope(Layer.fresh(entitiesOn(Runner)), scope)
      const first = yield* Scope.make()
      const before = yield* run(first)
      yield* Effect.gen(function* () {
        const { job, jobId } = yield* prepare(6, 2)
        const tried = yield* asked("job_6_0")
        notes.away = Number.POSITIVE_INFINITY
        yield* job.Start({ jobId }, { discard: true })
        yield* tried
      }).pipe(Effect.provide(before))
      assert.isTrue((yield* Effect.timeoutOption(Scope.close(first, Exit.void), "5 seconds"))._tag === "Some")
      notes.sent.length = 0
      notes.away = 0
      const again = yield* asked("job_6_0")
      yield* Effect.andThen(run(yield* Effect.scope), again)
    }).pipe(Effect.scoped, Effect.provide(Kept)))
})
