/**
 * Reminders of a job are counted until there is news, and lead to one new edition.
 * Guards whose removal turns this file red: the news and the edition since a job was seen, the reminders in vain.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { FeedStore } from "../../../src/store/flows/FeedStore.ts"
import { JobStore } from "../../../src/store/jobs/JobStore.ts"
import { good, options } from "../../support/JobFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { numbered } from "../../support/EventIds.ts"

const Env = JobStore.layer.pipe(Layer.provide(FeedStore.layer), Layer.provideMerge(TestDatabase.layer))

/** A running job of two tickets that was reminded three times in vain. */
const reminded = Effect.fn(function* (jobId: string) {
  const jobs = yield* JobStore
  yield* numbered("alice", 1)
  yield* jobs.create({ jobId, eventId: 1, owner: "alice", flowId: null, options, ticketIds: [1, 2] })
  const seen = yield* jobs.begin(jobId)
  for (const _ of [1, 2, 3]) {
    assert.strictEqual((yield* jobs.renew(seen)).edition, 1)
    yield* jobs.reminded(seen)
  }
  return { jobs, seen }
})

layer(Env, { excludeTestServices: true })("a job that was reminded in vain", (it) => {
  it.effect("begins one new edition, whoever else looks at it", () =>
    Effect.gen(function* () {
      const { jobs, seen } = yield* reminded("job_1")
      assert.strictEqual((yield* jobs.renew(seen)).edition, 2)
      assert.strictEqual((yield* jobs.renew(seen)).edition, 2)
    }))

  it.effect("keeps its edition when there was news", () =>
    Effect.gen(function* () {
      const { jobs, seen } = yield* reminded("job_2")
      yield* jobs.applyBatch("job_2", [good(1)])
      for (const _ of [1, 2, 3]) yield* jobs.reminded(seen)
      assert.strictEqual((yield* jobs.renew(seen)).edition, 1)
    }))

  it.effect("keeps its edition when the generator was heard of", () =>
    Effect.gen(function* () {
      const { jobs, seen } = yield* reminded("job_3")
      yield* jobs.heard("job_3")
      assert.strictEqual((yield* jobs.renew(seen)).edition, 1)
    }))
})
