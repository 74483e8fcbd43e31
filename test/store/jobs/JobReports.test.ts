/**
 * Reports of a job that come at once, in any order and contradicting each other: counters, items, feeds and the end agree.
 * Guards whose removal turns this file red: that a report's statement asks for the counters and the attempt that it was
 * made for, the try under the job's row after it, and the distinct tickets of a report.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import * as FastCheck from "fast-check"
import type { GeneratedTicket } from "../../../rpc/Ticket.ts"
import { FeedStore } from "../../../src/store/flows/FeedStore.ts"
import { feedOf } from "../../../src/store/flows/FlowStore.ts"
import { feedOfJob, JobStore } from "../../../src/store/jobs/JobStore.ts"
import { numbered } from "../../support/EventIds.ts"
import { bad, good, options } from "../../support/JobFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Env = JobStore.layer.pipe(Layer.provideMerge(FeedStore.layer), Layer.provideMerge(TestDatabase.layer))

const Told = Schema.Struct({
  generated: Schema.Int,
  failed: Schema.Int,
  total: Schema.Int,
  ticket_ids: Schema.Array(Schema.Int)
})

const toldOf = Effect.fnUntraced(function* (feed: string) {
  const events = yield* (yield* FeedStore).after(feed, 0)
  return yield* Effect.forEach(
    events.filter(({ kind }) => kind === "tickets"),
    ({ data }) => Schema.decodeUnknownEffect(Told)(data)
  )
})

/** Twelve batches of reports about a job of so many tickets, some of them strangers. */
const reports = FastCheck.integer({ min: 5, max: 45 }).chain((total) =>
  FastCheck.record({
    total: FastCheck.constant(total),
    batches: FastCheck.array(
      FastCheck.array(
        FastCheck.tuple(FastCheck.integer({ min: 1, max: total + 2 }), FastCheck.integer({ min: 0, max: 9 })),
        { minLength: 1, maxLength: total }
      ),
      { minLength: 12, maxLength: 12 }
    )
  })
)

layer(Env, { excludeTestServices: true })("reports of a job at once", (it) => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it.effect(`agree with what they leave, seed ${seed}`, () =>
      Effect.gen(function* () {
        const { batches: drawn, total } = FastCheck.sample(reports, { seed, numRuns: 1 })[0]!
        const jobs = yield* JobStore
        yield* numbered("organizer-1", 1)
        const [jobId, flowId] = [`job_many_${seed}`, `flow_many_${seed}`]
        const ticketIds = Array.from({ length: total }, (_, at) => at + 1)
        yield* jobs.create({ jobId, eventId: 1, owner: "organizer-1", flowId, options, ticketIds })
        const { waiting } = yield* jobs.begin(jobId)
        assert.deepStrictEqual(waiting, yield* jobs.waitingChunks(jobId))
        const batches = drawn.map((batch): ReadonlyArray<GeneratedTicket> =>
          batch.map(([ticketId, luck]) => (luck < 7 ? good : bad)(ticketId))
        )
        const applied = yield* Effect.forEach(batches, (batch) => jobs.applyBatch(jobId, batch), {
          concurrency: "unbounded"
        })
        const view = yield* jobs.view(jobId)
        const counted = { queued: 0, generated: 0, failed: 0, canceled: 0 }
        for (const { status } of view.tickets) counted[status]++
        const { canceled, failed, generated, queued } = view
        assert.deepStrictEqual({ queued, generated, failed, canceled }, counted)
        // A success stands against every failure, and what nobody reported waits.
        const reported = new Map<number, string>()
        for (const { status, ticketId } of batches.flat()) {
          if (reported.get(ticketId) !== "generated") reported.set(ticketId, status)
        }
        for (const { status, ticket_id } of view.tickets) {
          assert.strictEqual(status, reported.get(ticket_id) ?? "queued")
        }
        // Each change is told once to both feeds, and the last word is what stands.
        const changes = applied.filter((one) => one.applied.length > 0).length
        for (const feed of [feedOfJob(jobId), feedOf(flowId)]) {
          const told = yield* toldOf(feed)
          assert.strictEqual(told.length, changes)
          const { ticket_ids: _, ...last } = told.at(-1)!
          assert.deepStrictEqual(last, { generated, failed, total })
        }
        assert.strictEqual(view.finished_at !== null, queued === 0)
        const ended = yield* jobs.end(jobId)
        assert.strictEqual(Option.isSome(ended), queued === 0)
        if (Option.isSome(ended)) {
          const right = failed === 0 ? "completed" : generated === 0 ? "failed" : "partially_failed"
          assert.strictEqual(ended.value.status, right)
          assert.strictEqual(ended.value.error, generated === 0 ? bad(1).reason : null)
        }
      }))
  }
})
