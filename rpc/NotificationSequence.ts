/** A notification sequence: messages to one user, each after its trigger and delay. */
import * as Schema from "effect/Schema"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import { EventNumber, GuestId, SequenceId } from "./values/Ids.ts"
import { Instant, JsonData, Label } from "./values/Values.ts"

/** How a message reaches a person. */
export const Channel = Schema.Literals(["email", "sms"])
export type Channel = typeof Channel.Type

/** At least one channel, each once. */
export const Channels = Schema.Array(Channel).check(
  Schema.isBetweenLength(1, Channel.literals.length),
  Schema.isUnique()
)

export const Trigger = Schema.Literals(["registration", "ticket_creation", "payment_success", "scheduled"])
export type Trigger = typeof Trigger.Type

/** The messages that the notification service knows. */
export const Template = Schema.Literals([
  "registration_confirmation",
  "welcome",
  "ticket_generated",
  "ticket_alert",
  "payment_confirmation",
  "refund_confirmation",
  "event_reminder",
  "event_cancelled"
])
export type Template = typeof Template.Type

/** What each message is about: it decides when it is sent, and to whom. */
export const subjectOf: Readonly<
  Record<Template, "guest" | "ticket" | "payment" | "refund" | "event" | "cancellation">
> = {
  registration_confirmation: "guest",
  welcome: "guest",
  ticket_generated: "ticket",
  ticket_alert: "ticket",
  payment_confirmation: "payment",
  refund_confirmation: "refund",
  event_reminder: "event",
  event_cancelled: "cancellation"
}

/** What fills a template; `reminder_hours`, where it is given, is a number of hours that a year has. */
const StepData = JsonData.check(
  Schema.makeFilter(({ reminder_hours: hours }: { readonly [key: string]: Schema.Json }) =>
    hours === undefined || (typeof hours === "number" && hours >= 0 && hours <= 24 * 366)
      ? undefined
      : { path: ["reminder_hours"], issue: "Expected a number of hours from 0 to 8784" }
  )
)

/** One step of the document; `data` fills the template. */
export const SequenceStep = Schema.Struct({
  type: Label,
  trigger: Trigger,
  template: Template,
  delay_seconds: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 366 * 86_400 })),
  channels: Channels,
  priority: Schema.Literals(["high", "normal", "low"]),
  data: StepData
})
export type SequenceStep = typeof SequenceStep.Type

/** The body of the flows document, section «Flow 5». `user_id` is the guest's number in this event. */
export const SequenceRequest = Schema.Struct({
  flow_type: Schema.Literals(["notification_sequence"]),
  user_id: GuestId,
  event_id: EventNumber,
  notification_sequence: Schema.Array(SequenceStep).check(Schema.isBetweenLength(1, 50)),
  channels: Channels,
  priority: Schema.Literals(["high", "normal", "low"]),
  retry_config: Schema.Struct({
    max_retries: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 })),
    retry_delay_seconds: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 86_400 }))
  })
})
export type SequenceRequest = typeof SequenceRequest.Type

export const MessageStatus = Schema.Literals([
  "scheduled",
  "sending",
  "sent",
  "failed",
  "skipped",
  "canceled"
])

/** One line of the ledger: a message, its state and every attempt to deliver it. */
export const MessageView = Schema.Struct({
  message_id: Schema.String,
  type: Schema.String,
  template: Schema.String,
  channel: Channel,
  guest_id: Schema.NullOr(GuestId),
  status: MessageStatus,
  reason: Schema.NullOr(Schema.String),
  attempts: Schema.Int,
  scheduled_at: Schema.NullOr(Instant),
  sent_at: Schema.NullOr(Instant)
})
export type MessageView = typeof MessageView.Type

/** `failed` is a fault of ours: the log says more. */
export const SequenceStatus = Schema.Literals(["running", "completed", "canceled", "failed"])
export type SequenceStatus = typeof SequenceStatus.Type

/** `user_id` is null for the reminders of a complete flow, which are for all its guests; the first 1,000 messages. */
export const SequenceView = Schema.Struct({
  sequence_id: SequenceId,
  event_id: EventNumber,
  user_id: Schema.NullOr(GuestId),
  status: SequenceStatus,
  created_at: Instant,
  finished_at: Schema.NullOr(Instant),
  messages: Schema.Array(MessageView)
})
export type SequenceView = typeof SequenceView.Type

/**
 * What wakes the steps that wait for a trigger, `over` when it has not come and the event is past; the first completion
 * wins, later ones change nothing.
 */
export const triggered = (trigger: Trigger) =>
  DurableDeferred.make(`trigger/${trigger}`, { success: Schema.Literals(["fired", "over"]) })

/** Runs the sequence. Durable: a step is sent once, after any number of restarts. */
export const NotificationSequence = Workflow.make("NotificationSequence", {
  payload: { sequenceId: SequenceId },
  idempotencyKey: ({ sequenceId }) => sequenceId
})

/** The reminders of one flow, each with the type its messages are listed under. */
export const ReminderPlan = Schema.Struct({
  reminders: Schema.Array(Schema.Struct({ type: Schema.String, hours_before: Schema.Finite }))
})
export type ReminderPlan = typeof ReminderPlan.Type

/** Sends the reminders of a flow, each that long before the event, wherever its date goes. */
export const Reminders = Workflow.make("Reminders", {
  payload: { sequenceId: SequenceId },
  idempotencyKey: ({ sequenceId }) => sequenceId
})
