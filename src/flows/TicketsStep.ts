/** Step 4: a ticket for every guest, rendered by a generation job that the flow waits for. */
import { Effect, Exit } from "effect"
import { Activity, DurableDeferred } from "effect/workflow"
import { CompleteFlow, StepFailed, ticketsDone } from "../../rpc/CompleteFlow.ts"
import { Event } from "../../rpc/Event.ts"
import type { JobOptions } from "../../rpc/TicketJob.ts"
import { TicketJob } from "../../rpc/TicketJob.ts"
import { JobStore } from "../store/jobs/JobStore.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { TicketStore } from "../store/tickets/TicketStore.ts"
import { jobIdOf, type Plan } from "./Plan.ts"
import { askEntity } from "../durable/AskEntity.ts"
import { completed, failed, skipped, timedOut } from "./Outcome.ts"
import { begin, end, type Next } from "./Step.ts"

const chunk = 500

/** How many generation jobs a flow with `retry_failed_steps` starts at most. */
export const jobs = 3

const optionsOf = ({ request: { ticket_config: config } }: Plan): JobOptions => ({
  qrFormat: "png",
  qrSize: "medium",
  pdfFormat: config.generate_pdf,
  includeLogo: false,
  priority: config.priority,
  batch_processing: config.batch_processing
})

const issue = Effect.fnUntraced(function* (plan: Plan) {
  const { guests, payment_config: payment, ticket_config: config } = plan.request
  const gate = (yield* Event.client)(String(plan.eventId))
  const chunks = Array.from(
    { length: Math.ceil(guests.length / chunk) },
    (_, at) => guests.slice(at * chunk, (at + 1) * chunk).map((guest) => guest.guest_id)
  )
  const issued = yield* Effect.forEach(chunks, (guestIds) =>
    askEntity(gate.IssueTickets({
      flowId: plan.flowId,
      templateId: config.template_id,
      guestIds,
      paymentPending: payment.amount > 0
    })).pipe(
      Effect.catchTag("EventNotFound", () =>
        Effect.fail(
          new StepFailed({ code: "event_not_found", detail: "The event is gone.", retryable: false })
        ))
    ))
  return issued.flat()
})

const failures = Effect.fnUntraced(function* (jobId: string) {
  const { tickets } = yield* Effect.orDie((yield* JobStore).view(jobId))
  return tickets.filter((ticket) => ticket.status === "failed").map((ticket) => ticket.ticket_id)
})

const start = (plan: Plan, attempt: number) =>
  Effect.gen(function* () {
    const store = yield* JobStore
    const jobId = jobIdOf(plan.flowId, attempt)
    const all = yield* issue(plan)
    yield* (yield* PaymentStore).syncTickets(plan.flowId)
    const ticketIds = attempt === 1 ? all : yield* failures(jobIdOf(plan.flowId, attempt - 1))
    const { generate_pdf, generate_qr } = plan.request.ticket_config
    if (!generate_pdf && !generate_qr) return { tickets: all.length, job_id: null }
    yield* store.create({
      jobId,
      eventId: plan.eventId,
      owner: plan.owner,
      flowId: plan.flowId,
      options: optionsOf(plan),
      ticketIds
    })
    yield* askEntity((yield* TicketJob.client)(jobId).Start({ jobId }, { discard: true }))
    return { tickets: ticketIds.length, job_id: jobId }
  })

/** What became of the flow's tickets: each attempt took up what the one before had left, and this was the last. */
const outcomeOf = (plan: Plan, attempt: number) =>
  Effect.gen(function* () {
    const store = yield* JobStore
    const attempts = yield* Effect.forEach(
      Array.from({ length: attempt }, (_, at) => jobIdOf(plan.flowId, at + 1)),
      (jobId) => Effect.orDie(store.row(jobId))
    )
    const { canceled, failed: count, job_id, status } = attempts.at(-1)!
    const generated = attempts.reduce((sum, job) => sum + job.generated, 0)
    const result = { job_id, generated, failed: count }
    if (status === "canceled") {
      const detail = `The generation job was canceled when ${canceled} tickets were still to be generated.`
      return failed("tickets_canceled", detail, result)
    }
    return count === 0 ? completed(result) : failed(
      generated === 0 ? "tickets_failed" : "tickets_partially_failed",
      `${count} of ${count + generated} tickets could not be generated.`,
      result
    )
  })

/** What is still to be rendered is not; a job that ended meanwhile, or that does not answer, changes nothing. */
const cancelJob = (plan: Plan, attempt: number) =>
  Effect.gen(function* () {
    const job = (yield* TicketJob.client)(jobIdOf(plan.flowId, attempt))
    yield* askEntity(job.Cancel()).pipe(
      Effect.catch((error) =>
        Effect.logWarning("A stopped flow's job is not canceled", { reason: error._tag })
      )
    )
    return skipped("The flow stopped before its tickets were made.")
  })

/** Ends the wait for tickets that nobody needs any more; a job that ended before stands. */
export const stopRendering = (plan: Plan) =>
  Activity.make({
    name: "tickets/stop",
    execute: Effect.forEach(
      Array.from({ length: jobs }, (_, at) => ticketsDone(at + 1)),
      (deferred) =>
        DurableDeferred.done(deferred, {
          token: DurableDeferred.tokenFromExecutionId(deferred, {
            workflow: CompleteFlow,
            executionId: plan.executionId
          }),
          exit: Exit.succeed("stopped" as const)
        }),
      { discard: true }
    )
  })

/** Issues and renders; with `retry_failed_steps` the tickets that failed are rendered again, in a job of their own. */
export const tickets = Effect.fnUntraced(function* (plan: Plan, next: Next) {
  const last = plan.request.orchestration_options.retry_failed_steps ? jobs : 1
  for (let attempt = 1;; attempt++) {
    const started = yield* begin(plan, "tickets", `start/${attempt}`, start(plan, attempt))
    const { job_id: jobId } = (started.result ?? { job_id: null }) as { readonly job_id: string | null }
    if (jobId === null) return yield* end(plan, "tickets", Effect.succeed(started), next)
    const done = yield* DurableDeferred.await(ticketsDone(attempt))
    if (done === "stopped") return yield* end(plan, "tickets", cancelJob(plan, attempt))
    if (done === "timed_out") return yield* end(plan, "tickets", Effect.succeed(timedOut))
    if (done === "completed" || done === "canceled" || attempt === last) {
      return yield* end(plan, "tickets", outcomeOf(plan, attempt), next)
    }
  }
})

/** Compensation: the tickets of this flow open no gate. */
export const voidTickets = (plan: Plan) =>
  Effect.gen(function* () {
    return { voided: yield* (yield* TicketStore).voidFlow(plan.flowId, "the flow was stopped") }
  })
