/**
 * Step 6: the messages to the guests and the payer, in chunks, each message once. What cannot be delivered for now is no
 * failure of the step: it goes on being delivered when the flow has ended.
 */
import { Effect, Option, Schema } from "effect"
import { Activity } from "effect/workflow"
import { type FlowView, StepFailed } from "../../rpc/CompleteFlow.ts"
import { FlowMessages } from "../../rpc/Delivery.ts"
import { Channel, subjectOf, type Template, Template as TemplateId } from "../../rpc/NotificationSequence.ts"
import { retryTransient } from "../durable/Retry.ts"
import {
  type Message,
  type MessageFile,
  messageIdOf,
  toGuest,
  type Variables
} from "../notifications/Message.ts"
import { invoiceFiles, paymentData } from "../payments/PaymentData.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { AudienceStore, type Reader } from "../store/notifications/AudienceStore.ts"
import { feedOf, FlowStore } from "../store/flows/FlowStore.ts"
import { FeedStore } from "../store/flows/FeedStore.ts"
import { InvoiceFiles } from "../payments/invoices/InvoiceFiles.ts"
import { NotificationStore } from "../store/notifications/NotificationStore.ts"
import type { Tally } from "../store/notifications/NotificationRows.ts"
import { paymentIdOf, type Plan } from "./Plan.ts"
import type { Outcome } from "./Outcome.ts"
import { type Next, step } from "./Step.ts"

const chunk = 100

/** All that the messages of a flow are made of. */
type FlowRequest = Pick<Plan, "flowId" | "eventId" | "request">

const origin = ({ flowId }: FlowRequest) => ({ flowId, sequenceId: null })

/** The templates that a flow asks for over a channel: each channel has a list of its own. */
const templatesOver = (channel: Channel, config: Plan["request"]["notification_config"]) =>
  config[`${channel}_templates` as const]

/** Whether this step sends a message, keeps a line that says why not, or leaves it to whoever sends it at its time. */
type Want = "now" | "elsewhere" | { readonly leftOut: string }

/**
 * What every guest is sent by this step. A message about a ticket asks for a ticket, not for its PDF: the QR code is drawn
 * when it is sent, and a PDF that could not be made keeps nobody out. Nobody is welcomed to an event that is canceled. Without `send_notifications` there is none. Reminders are sent at their time, refunds with the refund, the receipt to the payer alone.
 */
const wanted = (plan: FlowRequest, reader: Reader, template: Template, channel: Channel): Want => {
  const { send_notifications } = plan.request.ticket_config
  const reminders = plan.request.notification_config.schedule_reminders
  const now: Want = reader.event_status === "canceled" ? { leftOut: "the event is canceled" } : "now"
  switch (subjectOf[template]) {
    case "guest":
      return now
    case "ticket":
      return send_notifications && reader.code !== null ? now : "elsewhere"
    case "event":
      return reminders.some(({ channels }) => channels.includes(channel))
        ? "elsewhere"
        : { leftOut: `no reminder is scheduled over ${channel}` }
    case "payment":
    case "refund":
    case "cancellation":
      return "elsewhere"
  }
}

/** In the order in which they are read: first the registration, then the ticket, however the request lists them. */
const inOrder = (templates: ReadonlyArray<Template>) =>
  TemplateId.literals.filter((template) => templates.includes(template))

/** A flow that was to make nothing of its tickets sends their codes in letters alone. */
const dataOf = ({ generate_pdf, generate_qr }: Plan["request"]["ticket_config"]) =>
  generate_pdf || generate_qr ? {} : { include_qr: false }

const messagesFor = (plan: FlowRequest) => (reader: Reader): ReadonlyArray<Message> => {
  const over = (channel: Channel) => (template: Template): ReadonlyArray<Message> => {
    const want = wanted(plan, reader, template, channel)
    if (want === "elsewhere") return []
    const message = toGuest(reader, {
      messageId: messageIdOf(plan.flowId, template, reader.guest_id, channel),
      type: template,
      template,
      channel,
      priority: plan.request.ticket_config.priority,
      data: dataOf(plan.request.ticket_config)
    })
    return [want === "now" ? message : { ...message, ...want }]
  }
  return Channel.literals.flatMap((channel) =>
    inOrder(templatesOver(channel, plan.request.notification_config)).flatMap(over(channel))
  )
}

/** What the flow's messages about a guest's ticket are called, sent or not. */
export const ticketMessageIds = (
  flowId: string,
  { notification_config: config }: Plan["request"],
  guestId: number
): ReadonlyArray<string> =>
  Channel.literals.flatMap((channel) =>
    templatesOver(channel, config)
      .filter((template) => subjectOf[template] === "ticket")
      .map((template) => messageIdOf(flowId, template, guestId, channel))
  )

/** The payer's confirmation over each channel that is to have it, by e-mail with the invoice when a receipt was asked for. */
const receipt = Effect.fnUntraced(function* (plan: FlowRequest, reader: Reader) {
  const { notification_config: config } = plan.request
  const channels = Channel.literals.filter((channel) =>
    templatesOver(channel, config).includes("payment_confirmation")
  )
  const over = (channel: Channel, data: Variables, files: ReadonlyArray<MessageFile>) =>
    toGuest(reader, {
      messageId: messageIdOf(plan.flowId, "payment_confirmation", reader.guest_id, channel),
      type: "payment_confirmation",
      template: "payment_confirmation",
      channel,
      priority: "high",
      data,
      files: channel === "email" ? files : []
    })
  if (channels.length === 0) return []
  const stored = yield* (yield* InvoiceFiles).withPayment(paymentIdOf(plan.flowId))
  if (Option.isNone(stored) || stored.value.payment.status !== "settled") return []
  const { payment } = stored.value
  const invoice = plan.request.payment_config.send_receipt ? stored.value.invoice : Option.none()
  return channels.map((channel) => over(channel, paymentData(payment, invoice), invoiceFiles(invoice)))
})

const speaksLater = (steps: FlowView["steps"]): boolean =>
  steps.some(({ status, step }) => step === "notifications" && status === "pending")

/**
 * Sends the receipt of a payment that settled when the step had begun or was skipped: any other is sent by the step.
 * Between them no receipt is lost, and its id keeps it to one. A flow that stops refunds the payment instead. Answers
 * how many messages still wait.
 */
export const lateReceipt = Effect.fnUntraced(function* (flowId: string) {
  const flows = yield* FlowStore
  const { event_id: eventId, request } = yield* flows.load(flowId)
  const { guests, orchestration_options: options } = request
  const steps = yield* Effect.map(
    flows.view(flowId),
    Option.match({ onNone: () => [], onSome: (flow) => flow.steps })
  )
  if (speaksLater(steps)) return 0
  if (options.error_handling === "stop_on_error" && steps.some(({ status }) => status === "failed")) return 0
  const [payer] = yield* (yield* AudienceStore).guests(eventId, [guests[0]!.guest_id])
  if (payer === undefined) return 0
  const flow = { flowId, eventId, request }
  const { retryable } = yield* (yield* Notifier).deliver(origin(flow), yield* receipt(flow, payer))
  return retryable
})

/** The messages to these guests; the payer, who is the first guest, gets the receipt too. */
const messagesTo = Effect.fnUntraced(function* (plan: FlowRequest, guestIds: ReadonlyArray<number>) {
  const { guests } = plan.request
  const readers = yield* (yield* AudienceStore).guests(plan.eventId, guestIds)
  const payer = readers.find((reader) => reader.guest_id === guests[0]!.guest_id)
  return [
    ...readers.flatMap(messagesFor(plan)),
    ...(payer === undefined ? [] : yield* receipt(plan, payer))
  ]
})

/** The messages of a flow to these guests, made anew from its request. */
export const messagesOf = Effect.fnUntraced(function* (flowId: string, guestIds: ReadonlyArray<number>) {
  const { event_id: eventId, request } = yield* (yield* FlowStore).load(flowId)
  return yield* messagesTo({ flowId, eventId, request }, guestIds)
})

const inChunks = (guestIds: ReadonlyArray<number>) =>
  Array.from(
    { length: Math.ceil(guestIds.length / chunk) },
    (_, at) => guestIds.slice(at * chunk, (at + 1) * chunk)
  )

const undelivered = ({ failed, sent }: Tally, more = "") =>
  `${failed} messages could not be delivered; ${sent} were.${more}`

const resultOf = ({ retryable, sent, skipped }: Tally) => ({ sent, skipped, waiting: retryable })

/** Enters all messages, then sends them as long as somebody takes them. */
const notify = (plan: Plan) =>
  Effect.gen(function* () {
    const notifier = yield* Notifier
    const feeds = yield* FeedStore
    const ids = plan.request.guests.map((guest) => guest.guest_id)
    const chunks = inChunks(ids)
    const ofFlow = { flowId: plan.flowId }
    const said = (counted: { sent: number; failed: number; guests: number }) =>
      feeds.append(feedOf(plan.flowId), { kind: "messages", data: { ...counted, of: ids.length } })
    // All are entered before the first is sent; those of one chunk are few enough to be kept from one to the other.
    const [whole] = yield* Effect.forEach(chunks, (guestIds) =>
      Effect.gen(function* () {
        const made = yield* messagesTo(plan, guestIds)
        const waiting = yield* notifier.enlist(origin(plan), made)
        return chunks.length === 1 ? { made, waiting } : undefined
      }))
    let tally: Tally
    if (whole !== undefined) {
      tally = yield* notifier.send(whole.made, { untilAway: true, waiting: whole.waiting, ...ofFlow })
      const { failed, retryable, sent } = tally
      if (sent > 0 || retryable === 0) yield* said({ sent, failed, guests: ids.length })
    } else {
      const total = { sent: 0, failed: 0, guests: 0 }
      for (const guestIds of chunks) {
        const { failed, retryable, sent } = yield* notifier.send(yield* messagesTo(plan, guestIds), {
          untilAway: true
        })
        if (sent === 0 && retryable > 0) break
        total.sent += sent
        total.failed += failed
        total.guests += guestIds.length
        yield* said(total)
      }
      tally = yield* (yield* NotificationStore).tally(ofFlow)
    }
    if (tally.failed === 0) return resultOf(tally)
    return yield* new StepFailed({
      code: "messages_failed",
      detail: undelivered(tally, tally.retryable === 0 ? "" : ` ${tally.retryable} are tried again.`),
      retryable: false
    })
  })

/** Messages that were entered and not delivered outlive the flow, whatever kept them: mail that is away, or the deadline. */
const handOver = (plan: Plan) =>
  Effect.gen(function* () {
    if ((yield* (yield* NotificationStore).waiting(plan.flowId)).length === 0) return
    yield* FlowMessages.execute({ flowId: plan.flowId }, { discard: true, detached: true })
  })

const isDone = Schema.is(Schema.Struct({ sent: Schema.Int, skipped: Schema.Int, waiting: Schema.Literal(0) }))

/** The step counted its messages in the ledger, and none waits. */
const leavesNothing = ({ result, status }: Outcome): boolean => status === "completed" && isDone(result)

/** Sends everything; what waits in the end is handed over. */
export const messages = Effect.fnUntraced(function* (plan: Plan, next: Next) {
  const outcome = yield* step(plan, "notifications", notify(plan), next)
  if (leavesNothing(outcome)) return outcome
  yield* Activity.make({ name: "notifications/rest", execute: retryTransient(handOver(plan)) })
  return outcome
})

/** What became of the messages since the step has ended, shown on it. */
const amend = Effect.fnUntraced(function* (flowId: string, tally: Tally) {
  yield* (yield* FlowStore).amend(flowId, "notifications", {
    status: tally.failed === 0 ? "completed" : "failed",
    result: resultOf(tally),
    error: tally.failed === 0 ? undefined : { code: "messages_failed", detail: undelivered(tally) }
  })
})

/** Sends what waits of an ended flow's messages, made anew; answers how many still wait. */
export const sendAgain = (flowId: string) =>
  Effect.gen(function* () {
    const ledger = yield* NotificationStore
    const notifier = yield* Notifier
    const { event_id: eventId, request } = yield* (yield* FlowStore).load(flowId)
    const waiting = yield* ledger.waiting(flowId)
    if (waiting.length === 0) return 0
    const open = new Set(waiting.map(({ message_id }) => message_id))
    for (const guestIds of inChunks([...new Set(waiting.map(({ guest_id }) => guest_id))])) {
      const messages = (yield* messagesTo({ flowId, eventId, request }, guestIds)).filter(({ messageId }) =>
        open.delete(messageId)
      )
      yield* notifier.send(messages)
    }
    yield* ledger.skip([...open], "the guest has no such ticket or payment any more")
    const tally = yield* ledger.tally({ flowId })
    yield* amend(flowId, tally)
    return tally.retryable
  })

/** What was tried for a day could not be delivered. */
export const giveUp = (flowId: string) =>
  Effect.gen(function* () {
    const { failed, retryable, ...tally } = yield* (yield* NotificationStore).tally({ flowId })
    yield* Effect.logError("Messages of a flow are given up", { flowId, messages: retryable })
    yield* amend(flowId, { ...tally, failed: failed + retryable, retryable: 0 })
  })
