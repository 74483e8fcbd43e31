/**
 * Random histories of ticket webhooks against the model of `JobModel`: single and in batches, good and bad, twice, late,
 * of an earlier attempt, between cancellations and retries.
 * Guards whose removal turns this file red: the states that a report may change and its attempt (JobStore), the order of
 * `generated_at` and the keys that a report does not name (TicketStore), the jobs that a single report is for (JobIndex).
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Schema } from "effect"
import * as fc from "fast-check"
import { Ticket } from "../../rpc/Ticket.ts"
import { TicketWebhook, toMessage } from "../../rpc/TicketWebhookBodies.ts"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { JobEntities, JobStores, Notes, prepare } from "../support/JobFixture.ts"
import { JobModel, type News } from "../support/histories/JobModel.ts"

const Env = JobEntities.pipe(Layer.provideMerge(Notes.layer), Layer.provideMerge(JobStores))

const size = 4

const news = fc.record({
  ticket: fc.nat(size - 1),
  good: fc.boolean(),
  at: fc.integer({ min: 1, max: 50 }),
  key: fc.boolean()
})

type Report = Extract<Step, { _tag: "Batch" | "Single" }>
type Step =
  | { readonly _tag: "Batch"; readonly news: ReadonlyArray<News>; readonly attempt: number }
  | { readonly _tag: "Single"; readonly news: News }
  | { readonly _tag: "Again"; readonly back: number; readonly sameId: boolean }
  | { readonly _tag: "Cancel" }
  | { readonly _tag: "Retry" }

/** All news of a batch is of one instant. */
const newsOf = (report: Report): ReadonlyArray<News> =>
  report._tag === "Single" ? [report.news] : report.news.map((one) => ({ ...one, at: report.news[0]!.at }))

const batch = fc.uniqueArray(news, { selector: (one) => one.ticket, minLength: 1, maxLength: size })
const reports: ReadonlyArray<fc.Arbitrary<Report>> = [
  fc.record({ _tag: fc.constant("Batch" as const), news: batch, attempt: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ _tag: fc.constant("Single" as const), news })
]
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: reports[0]! },
  { weight: 4, arbitrary: reports[1]! },
  {
    weight: 3,
    arbitrary: fc.record({ _tag: fc.constant("Again" as const), back: fc.nat(5), sameId: fc.boolean() })
  },
  { weight: 2, arbitrary: fc.record({ _tag: fc.constant("Retry" as const) }) },
  { weight: 1, arbitrary: fc.record({ _tag: fc.constant("Cancel" as const) }) }
)

const instant = (at: number) =>
  DateTime.formatIso(DateTime.addDuration(DateTime.makeUnsafe(0), `${at} minutes`))

/** A webhook's body, and its X-Request-ID. */
interface Delivery {
  readonly body: unknown
  readonly requestId: string
}

const decode = Schema.decodeUnknownSync(TicketWebhook)

const dataOf = ({ at, key }: News) => ({
  format: "pdf",
  qr_code: true,
  file_url: `https://files.example.com/${at}.pdf`,
  qr_url: null,
  file_size: at,
  ...(key ? { file_key: `tickets/${at}.pdf` } : {})
})

/** A job of its own, the model beside it, and the real mailboxes between them. */
const stage = Effect.fnUntraced(function* (eventId: number) {
  const { job, jobId, ticketIds, view } = yield* prepare(eventId, size)
  const ticketOf = yield* Ticket.client
  const store = yield* TicketStore
  const model = new JobModel(size)
  yield* job.Start({ jobId })
  let sent = 0

  const deliver = Effect.fnUntraced(function* ({ body, requestId }: Delivery) {
    const message = toMessage(decode(body), requestId)
    if (message._tag === "BatchGenerated") yield* job.BatchGenerated(message.payload)
    if (message._tag === "Generated") yield* ticketOf(String(message.ticketId)).Generated(message.payload)
    yield* job.BatchGenerated({
      webhookId: `flush_${++sent}`,
      generatedAt: DateTime.makeUnsafe(0),
      tickets: []
    })
  })

  const bodyOf = (step: Report): Delivery => {
    const all = newsOf(step)
    const at = instant(all[0]!.at)
    const requestId = `req_${eventId}_${++sent}`
    if (step._tag === "Single") {
      const { good, ticket } = step.news
      const ticket_id = `ticket-${ticketIds[ticket]!}`
      return {
        requestId,
        body: good
          ? {
            event_type: "ticket.generated",
            ticket_id,
            generated_at: at,
            generation_data: dataOf(step.news)
          }
          : { event_type: "ticket.failed", ticket_id, generated_at: at, reason: "torn" }
      }
    }
    const chunk = step.attempt === 1 ? `${jobId}_${sent}` : `${jobId}.${step.attempt}_${sent}`
    return {
      requestId,
      body: {
        event_type: "tickets.generated",
        webhook_id: `wh_${chunk}`,
        job_id: jobId,
        event_id: eventId,
        generated_at: at,
        processing_time_ms: 1,
        tickets: all.map((one) => ({
          ticket_id: ticketIds[one.ticket]!,
          status: one.good ? "generated" : "failed",
          reason: one.good ? null : "torn",
          generation_data: one.good ? dataOf(one) : null,
          metadata: {}
        }))
      }
    }
  }

  const state = Effect.gen(function* () {
    const { attempt, canceled, failed, generated, queued, status, tickets } = yield* view
    const files = yield* Effect.forEach(
      ticketIds,
      (id) =>
        Effect.map(Effect.orDie(store.get(id)), ({ file_key, file_url, generated_at }) => ({
          at: generated_at === null ? null : DateTime.formatIso(generated_at),
          file_key,
          file_url
        }))
    )
    const items = tickets.map((ticket) => ticket.status)
    return { attempt, status, counts: { canceled, failed, generated, queued }, items, files }
  })

  const expected = () => ({
    attempt: model.attempt,
    status: model.status,
    counts: {
      canceled: model.count("canceled"),
      failed: model.count("failed"),
      generated: model.count("generated"),
      queued: model.count("queued")
    },
    items: model.items.map((item) => item.status),
    files: model.files.map((files) =>
      files === undefined ? { at: null, file_key: null, file_url: null } : {
        at: instant(files.at),
        file_key: files.key === undefined ? null : `tickets/${files.key}.pdf`,
        file_url: `https://files.example.com/${files.url}.pdf`
      }
    )
  })

  return { bodyOf, deliver, expected, job, model, state }
})

const play = Effect.fnUntraced(function* (eventId: number, steps: ReadonlyArray<Step>) {
  const { bodyOf, deliver, expected, job, model, state } = yield* stage(eventId)
  const told: Array<readonly [Report, Delivery]> = []
  const tell = Effect.fnUntraced(function* (one: Report, delivery: Delivery) {
    model.report(newsOf(one), one._tag === "Batch" ? one.attempt : undefined)
    yield* deliver(delivery)
  })
  for (const step of steps) {
    if (step._tag === "Cancel") {
      model.cancel()
      yield* Effect.ignore(job.Cancel())
    } else if (step._tag === "Retry") {
      const attempt = model.attempt + 1
      model.retry()
      yield* Effect.ignore(job.Retry({ attempt }))
    } else if (step._tag === "Again") {
      const [one, delivery] = told.at(-1 - step.back) ?? []
      if (one === undefined || delivery === undefined) continue
      if (step.sameId) yield* deliver(delivery)
      else yield* tell(one, bodyOf(one))
    } else {
      const delivery = bodyOf(step)
      told.push([step, delivery])
      yield* tell(step, delivery)
    }
    assert.deepStrictEqual(yield* state, expected(), JSON.stringify(step))
  }
})

layer(Env, { excludeTestServices: true })("histories of ticket webhooks", (it) => {
  it.effect(
    "leave the job and its tickets as the model has them, step by step",
    () =>
      Effect.gen(function* () {
        const services = yield* Effect.context<Layer.Success<typeof Env>>()
        let events = 0
        const history = fc.array(anyStep, { minLength: 1, maxLength: 14 })
        const property = fc.asyncProperty(
          history,
          (steps) => Effect.runPromiseWith(services)(Effect.scoped(play(++events, steps)))
        )
        yield* Effect.promise(() => fc.assert(property, { seed: 20_250_615, numRuns: 60 }))
      }),
    120_000
  )

  it.effect(
    "end alike in whichever order they come",
    () =>
      Effect.gen(function* () {
        const services = yield* Effect.context<Layer.Success<typeof Env>>()
        let events = 10_000
        const history = fc.uniqueArray(fc.oneof(...reports), {
          selector: (step) => newsOf(step)[0]!.at,
          minLength: 2,
          maxLength: 8
        })
        const shuffled = history.chain((steps) =>
          fc.tuple(
            fc.constant(steps),
            fc.shuffledSubarray([...steps], { minLength: steps.length, maxLength: steps.length })
          )
        )
        const ending = Effect.fnUntraced(function* (steps: ReadonlyArray<Report>) {
          const { bodyOf, deliver, state } = yield* stage(++events)
          for (const step of steps) {
            yield* deliver(bodyOf(step._tag === "Batch" ? { ...step, attempt: 1 } : step))
          }
          const { counts, files, items, status } = yield* state
          return { counts, items, status, files: files.map(({ at, file_url }) => ({ at, file_url })) }
        })
        const property = fc.asyncProperty(shuffled, ([one, other]) =>
          Effect.runPromiseWith(services)(Effect.scoped(Effect.gen(function* () {
            assert.deepStrictEqual(yield* ending(one), yield* ending(other))
          }))))
        yield* Effect.promise(() =>
          fc.assert(property, { seed: 20_250_615, numRuns: 25 })
        )
      }),
    120_000
  )
})
