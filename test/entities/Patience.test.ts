/**
 * A generation job while its generator is away.
 * Guards whose removal turns this file red: the retry of `TicketJob.deliver`.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { JobEntities, JobStores, Notes, prepare } from "../support/JobFixture.ts"

const Env = JobEntities.pipe(Layer.provideMerge(Notes.layer), Layer.provideMerge(JobStores))

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
})
