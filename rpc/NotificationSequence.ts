/** A notification sequence: messages to one user, each after its trigger and delay. */
import * as Schema from "effect/Schema"
import * as DurableDeferred from "effect/workflow/DurableDeferred"
import * as Workflow from "effect/workflow/Workflow"
import { EventNumber, GuestId, SequenceId } from "./values/Ids.ts"
import { Instant, JsonData, Label, TimeZone } from "./values/Values.ts"

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

/** RFC 5322, 2.1.1: a line has at most 998 octets, and an address in it is not folded. */
const longestInHeader = 998 - "List-Unsubscribe: <>".length

/** A web address as it stands in a header: in ASCII, and undefined when it is none or too long for one. */
export const headerAddress = (url: string): string | undefined => {
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return undefined
  const { href } = new URL(url)
  return href.length <= longestInHeader ? href : undefined
}

type Data = { readonly [key: string]: Schema.Json }

/** Variables that a message could not do without saying something wrong: what each of them has to be. */
const exact: Readonly<Record<string, readonly [is: (value: Schema.Json) => boolean, expected: string]>> = {
  reminder_hours: [
    (hours) => typeof hours === "number" && hours >= 0 && hours <= 24 * 366,
    "Expected a number of hours from 0 to 8784"
  ],
  event_timezone: [Schema.is(TimeZone), "Expected an IANA time zone such as Europe/Paris"],
  unsubscribe_url: [
    (url) => typeof url === "string" && headerAddress(url) !== undefined,
    "Expected an http or https address that fits into a header: 978 characters of ASCII"
  ]
}

const isData = (value: Schema.Json | undefined): value is Data =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const wrongIn = (data: Data, path: ReadonlyArray<string>): ReadonlyArray<Schema.FilterIssue> =>
  Object.entries(exact).flatMap(([name, [is, issue]]) =>
    data[name] === undefined || is(data[name]) ? [] : [{ path: [...path, name], issue }]
  )

/** What fills a template, in itself and in its `personalization`. */
const StepData = JsonData.check(
  Schema.makeFilter((data: Data) => [
    ...wrongIn(data, []),
    ...(isData(data["personalization"]) ? wrongIn(data["personalization"], ["personalization"]) : [])
  ])
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

/** A step that no channel of its sequence carries would be sent to nobody. */
const carried = Schema.makeFilter((body: {
  readonly channels: ReadonlyArray<Channel>
  readonly notification_sequence: ReadonlyArray<SequenceStep>
}) =>
  body.notification_sequence.flatMap(({ channels }, at) =>
    channels.some((channel) => body.channels.includes(channel)) ? [] : [{
      path: ["notification_sequence", at, "channels"],
      issue: "No channel of this step is among the sequence's: nothing would send it"
    }]
  )
)

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
}).check(carried)
export type SequenceRequest = typeof SequenceRequest.Type

export const MessageStatus = Schema.Literals([
  "scheduled",
  "sending",
  "sent",
  "failed",
  "skipped",
  "suppressed",
  "canceled"
])

/** Why nothing is sent to an address any more. */
export const SuppressionReason = Schema.Literals(["hard_bounce", "complaint", "unsubscribed", "manual"])
export type SuppressionReason = typeof SuppressionReason.Type

/**
 * One line of the ledger: a message, its state and how often it was tried. `possible_double`: it was handed over again though an
 * earlier attempt may have been delivered, its answer having been lost; both have one Message-ID.
 */
export const MessageView = Schema.Struct({
  message_id: Schema.String,
  type: Schema.String,
  template: Schema.String,
  channel: Channel,
  guest_id: Schema.NullOr(GuestId),
  status: MessageStatus,
  reason: Schema.NullOr(Schema.String),
  attempts: Schema.Int,
  possible_double: Schema.Boolean,
  scheduled_at: Schema.NullOr(Instant),
  sent_at: Schema.NullOr(Instant)
})
export type MessageView = typeof MessageView.Type

/** `failed` is a fault of ours: the log says more. */
export const SequenceStatus = Schema.Literals(["running", "completed", "canceled", "failed"])
export type SequenceStatus = typeof SequenceStatus.Type

/** A step of which nothing is in the ledger yet: it waits for its trigger, or for its delay after that. */
export const WaitingStep = Schema.Struct({
  type: Schema.String,
  template: Schema.String,
  trigger: Trigger,
  delay_seconds: Schema.Int,
  channels: Schema.Array(Channel)
})
export type WaitingStep = typeof WaitingStep.Type

/**
 * `user_id` is null for the reminders of a complete flow, which are for all its guests; the first 1,000 messages, and the
 * steps that still wait.
 */
export const SequenceView = Schema.Struct({
  sequence_id: SequenceId,
  event_id: EventNumber,
  user_id: Schema.NullOr(GuestId),
  status: SequenceStatus,
  created_at: Instant,
  finished_at: Schema.NullOr(Instant),
  messages: Schema.Array(MessageView),
  waiting: Schema.Array(WaitingStep)
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
