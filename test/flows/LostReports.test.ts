/**
 * A chunk that the generator's queue remembers as done, though nobody has its report, is rendered again in a new edition.
 * Guards whose removal turns this file red: the edition of a chunk's id.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { TicketJob } from "../../rpc/TicketJob.ts"
import documented from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import { bodyFor, follow, read, run } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { around, overhear } from "../support/Witness.ts"

/** The first report is answered 2xx and forgotten; `lost` resolves when that has happened. */
const forgetful = Effect.gen(function* () {
  const { promise: lost, resolve } = Promise.withResolvers<void>()
  let forgotten = false
  yield* around("core", (request, real) => {
    if (forgotten || !new URL(request.url).pathname.includes("/ticket-webhook-routes")) return real(request)
    forgotten = true
    resolve()
    return Promise.resolve(Response.json({ received: true }))
  })
  return Effect.promise(() => lost)
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a report that is lost", (it) => {
  it.effect("has its chunk rendered again when reminding the queue was in vain", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* run(bodyFor(1, {
        ticket_config: { generate_pdf: false, generate_qr: false },
        payment_config: { amount: 0 }
      }))
      const lost = yield* forgetful
      const heard = yield* overhear("tickets")
      const { json } = yield* app.ask("/api/tickets/generation-jobs", {
        token: app.organizer,
        body: { ...documented, ticket_ids: [1] }
      })
      yield* lost
      const job = (yield* TicketJob.client)(json.job_id)
      yield* Effect.repeat(job.Chase({ giveUp: false }), { times: 2 })
      assert.strictEqual((yield* read(json.status_url)).json.status, "running")
      yield* job.Chase({ giveUp: false })
      assert.strictEqual((yield* follow(json.events_url)).at(-1)!.data.status, "completed")
      assert.deepStrictEqual(
        [...new Set(heard.map(({ headers }) => headers.get("x-request-id")))],
        [`${json.job_id}_0`, `${json.job_id}.1.2_0`]
      )
    }).pipe(Effect.scoped))
})
