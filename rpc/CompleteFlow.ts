/** The complete flow: one request, eight steps, one status. */
import * as Schema from "effect/Schema"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import { EventData, GuestData } from "./Event.ts"
import { EventNumber, FlowId, JobId, PaymentId, SequenceId, TemplateId } from "./values/Ids.ts"
import { Amount, chargeable, Currency } from "./values/Money.ts"
import { Channels, subjectOf, Template } from "./NotificationSequence.ts"
import { PaymentMethod } from "./payments/PaymentProvider.ts"
import { JobStatus, Priority } from "./TicketJob.ts"
import { paced } from "./values/Paced.ts"
import { Instant } from "./values/Values.ts"

/** Guest numbers occur once, and no more guests come than the event holds; several guests may share an address. */
const coherent = Schema.makeFilter((body: {
  readonly event_data: EventData
  readonly guests: ReadonlyArray<GuestData>
}) => {
  const issues: Array<Schema.FilterIssue> = []
  const ids = new Set<number>()
  body.guests.forEach((guest, at) => {
    if (ids.has(guest.guest_id)) {
      issues.push({ path: ["guests", at, "guest_id"], issue: "This guest occurs twice" })
    }
    ids.add(guest.guest_id)
  })
  if (body.guests.length > body.event_data.max_attendees) {
    issues.push({
      path: ["guests"],
      issue: `More guests than max_attendees (${body.event_data.max_attendees})`
    })
  }
  if (body.event_data.status !== "active" && body.event_data.status !== "draft") {
    issues.push({
      path: ["event_data", "status"],
      issue: "Tickets are issued for active or draft events only"
    })
  }
  return issues
})

/** What is accepted is sent, or has a line in the ledger that says why not: what nothing would ever send is refused. */
const SmsTemplates = Schema.Array(Template).check(
  Schema.isMaxLength(20),
  Schema.isUnique(),
  Schema.makeFilter((templates: ReadonlyArray<Template>) =>
    templates.flatMap((template, at) =>
      subjectOf[template] === "refund" ? [{ path: [at], issue: "A refund is told by e-mail" }] : []
    )
  )
)

const Templates = Schema.Array(Template).check(Schema.isMaxLength(20), Schema.isUnique())

export const Reminder = Schema.Struct({
  type: Template,
  hours_before: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 24 * 366 })),
  channels: Channels
})
export type Reminder = typeof Reminder.Type

/** The body of the flows document, section «Flow 6». */
export const CompleteFlowRequest = Schema.Struct({
  flow_type: Schema.Literals(["complete_event_flow"]),
  event_data: EventData,
  guests: Schema.Array(paced(GuestData)).check(Schema.isBetweenLength(1, 10_000)),
  ticket_config: Schema.Struct({
    template_id: TemplateId,
    generate_qr: Schema.Boolean,
    generate_pdf: Schema.Boolean,
    send_notifications: Schema.Boolean,
    batch_processing: Schema.Boolean,
    priority: Priority
  }),
  payment_config: Schema.Struct({
    amount: Amount,
    currency: Currency,
    method: PaymentMethod,
    auto_confirm: Schema.Boolean,
    create_invoice: Schema.Boolean,
    send_receipt: Schema.Boolean
  }).check(chargeable),
  notification_config: Schema.Struct({
    email_templates: Templates,
    sms_templates: SmsTemplates,
    schedule_reminders: Schema.Array(Reminder).check(Schema.isMaxLength(20))
  }),
  orchestration_options: Schema.Struct({
    parallel_processing: Schema.Boolean,
    error_handling: Schema.Literals(["continue_on_error", "stop_on_error"]),
    timeout_seconds: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 86_400 })),
    retry_failed_steps: Schema.Boolean
  })
}).check(coherent)
export type CompleteFlowRequest = typeof CompleteFlowRequest.Type

/** The eight steps, in the document's order. */
export const steps = [
  "validation",
  "event",
  "guests",
  "tickets",
  "payment",
  "notifications",
  "reminders",
  "status"
] as const
export const StepName = Schema.Literals(steps)
export type StepName = typeof StepName.Type

/** The steps that do something; `status` says what became of them. */
export type WorkStep = Exclude<StepName, "status">
export const workSteps = steps.filter((name): name is WorkStep => name !== "status")

/** Whether a step ends when an answer arrives, which a flow out of time waits for no more. */
export const waitsForAnswer = {
  validation: false,
  event: false,
  guests: false,
  tickets: true,
  payment: true,
  notifications: false,
  reminders: false,
  status: false
} as const satisfies Readonly<Record<StepName, boolean>>

/** The steps that wait for an answer. */
export type WaitingStep = {
  readonly [Name in StepName]: (typeof waitsForAnswer)[Name] extends true ? Name : never
}[StepName]

export const StepStatus = Schema.Literals([
  "pending",
  "running",
  "completed",
  "failed",
  "skipped",
  "compensated"
])
export type StepStatus = typeof StepStatus.Type

/** Why a step failed: a stable code, a sentence, and whether trying again could help. */
export class StepFailed extends Schema.TaggedError<StepFailed>()("StepFailed", {
  code: Schema.String,
  detail: Schema.String,
  retryable: Schema.Boolean
}) {}

export const StepView = Schema.Struct({
  step: StepName,
  status: StepStatus,
  attempts: Schema.Int,
  started_at: Schema.NullOr(Instant),
  finished_at: Schema.NullOr(Instant),
  error: Schema.NullOr(Schema.Struct({ code: Schema.String, detail: Schema.String })),
  result: Schema.NullOr(Schema.Json)
})
export type StepView = typeof StepView.Type

export const FlowStatus = Schema.Literals([
  "accepted",
  "running",
  "completed",
  "completed_with_errors",
  "failed"
])
export type FlowStatus = typeof FlowStatus.Type

/** Whether a flow in this state has ended. */
export const isFlowOver: Readonly<Record<FlowStatus, boolean>> = {
  accepted: false,
  running: false,
  completed: true,
  completed_with_errors: true,
  failed: true
}

/** The states of a flow that has not ended. */
export const openFlows = FlowStatus.literals.filter((status) => !isFlowOver[status])

/** A flow without its steps. */
export const FlowSummary = Schema.Struct({
  flow_id: FlowId,
  flow_type: Schema.Literal("complete_event_flow"),
  event_id: EventNumber,
  status: FlowStatus,
  created_at: Instant,
  started_at: Schema.NullOr(Instant),
  finished_at: Schema.NullOr(Instant),
  deadline: Instant,
  error: Schema.NullOr(Schema.Struct({ code: Schema.String, detail: Schema.String }))
})
export type FlowSummary = typeof FlowSummary.Type

export const FlowView = Schema.Struct({
  ...FlowSummary.fields,
  job_id: Schema.NullOr(JobId),
  payment_id: Schema.NullOr(PaymentId),
  invoice_number: Schema.NullOr(Schema.String),
  reminders_id: Schema.NullOr(SequenceId),
  steps: Schema.Array(StepView)
})
export type FlowView = typeof FlowView.Type

/** Completed when the flow's n-th generation job ends, by the deadline, or by a flow that stops. */
export const ticketsDone = (attempt: number) =>
  DurableDeferred.make(`tickets/${attempt}`, {
    success: Schema.Union([JobStatus, Schema.Literals(["timed_out", "stopped"])])
  })

/** Completed by the Payment mailbox when a webhook decides the payment, by the deadline, or by a flow that stops. */
export const PaymentDone = DurableDeferred.make("payment", {
  success: Schema.Literals(["settled", "failed", "canceled", "timed_out", "stopped"])
})

/** Runs the eight steps. Durable: a step whose effect is recorded is not run again after a crash. */
export const CompleteFlow = Workflow.make("CompleteFlow", {
  payload: { flowId: FlowId },
  idempotencyKey: ({ flowId }) => flowId
})
