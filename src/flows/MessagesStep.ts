/** Step 6: what the guests and the payer are told, in chunks, each message once. */
import { Effect, Option } from "effect"
import { StepFailed } from "../../rpc/CompleteFlow.ts"
import type { Channel, Template } from "../../rpc/NotificationSequence.ts"
import { type Message, messageIdOf, toGuest } from "../notifications/Message.ts"
import { invoiceFiles, paymentData } from "../payments/PaymentData.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { AudienceStore, type Reader } from "../store/AudienceStore.ts"
import { feedOf } from "../store/FlowStore.ts"
import { FeedStore } from "../store/FeedStore.ts"
import { InvoiceStore } from "../store/InvoiceStore.ts"
import { PaymentStore } from "../store/PaymentStore.ts"
import { paymentIdOf, type Plan } from "./Plan.ts"

const chunk = 100

/** Sent elsewhere: reminders at their time, refunds with the refund, the receipt to the payer alone. */
const elsewhere: ReadonlySet<Template> = new Set<Template>([
  "event_reminder",
  "refund_confirmation",
  "payment_confirmation"
])

/** A message about a ticket waits for a ticket; without `send_notifications` there is none. */
const aboutTicket: ReadonlySet<Template> = new Set<Template>(["ticket_generated", "ticket_alert"])

const wanted = (plan: Plan, reader: Reader) => (template: Template): boolean => {
  const { generate_pdf, send_notifications } = plan.request.ticket_config
  if (elsewhere.has(template)) return false
  return !aboutTicket.has(template) || (send_notifications && (reader.file_url !== null || !generate_pdf))
}

const messagesFor = (plan: Plan) => (reader: Reader): ReadonlyArray<Message> => {
  const { email_templates, sms_templates } = plan.request.notification_config
  const over = (channel: Channel) => (template: Template): Message =>
    toGuest(reader, {
      messageId: messageIdOf(plan.flowId, template, reader.guest_id, channel),
      type: template,
      template,
      channel,
      priority: plan.request.ticket_config.priority,
      data: {}
    })
  return [
    ...email_templates.filter(wanted(plan, reader)).map(over("email")),
    ...sms_templates.filter(wanted(plan, reader)).map(over("sms"))
  ]
}

/** What the flow's messages about a guest's ticket are called, sent or not. */
export const ticketMessageIds = (
  flowId: string,
  { notification_config: config }: Plan["request"],
  guestId: number
): ReadonlyArray<string> => {
  const over = (channel: Channel, templates: ReadonlyArray<Template>) =>
    templates.filter((template) => aboutTicket.has(template)).map((template) =>
      messageIdOf(flowId, template, guestId, channel)
    )
  return [...over("email", config.email_templates), ...over("sms", config.sms_templates)]
}

/** The payer's confirmation, with the invoice when a receipt was asked for. */
const receipt = Effect.fnUntraced(function* (plan: Plan, reader: Reader) {
  const { notification_config: config, payment_config: payment } = plan.request
  if (!config.email_templates.includes("payment_confirmation")) return []
  const stored = yield* (yield* PaymentStore).get(paymentIdOf(plan.flowId))
  if (Option.isNone(stored) || stored.value.status !== "settled") return []
  const invoice = payment.send_receipt
    ? yield* (yield* InvoiceStore).forPayment(paymentIdOf(plan.flowId))
    : Option.none()
  return [toGuest(reader, {
    messageId: messageIdOf(plan.flowId, "payment_confirmation", reader.guest_id, "email"),
    type: "payment_confirmation",
    template: "payment_confirmation",
    channel: "email",
    priority: "high",
    data: paymentData(stored.value, invoice),
    files: invoiceFiles(invoice)
  })]
})

/** Tells everybody; what may be delivered later fails the try, and the next try sends only what is missing. */
export const notify = (plan: Plan) =>
  Effect.gen(function* () {
    const audience = yield* AudienceStore
    const notifier = yield* Notifier
    const feeds = yield* FeedStore
    const ids = plan.request.guests.map((guest) => guest.guest_id)
    const total = { sent: 0, failed: 0, skipped: 0, retryable: 0 }
    for (let at = 0; at < ids.length; at += chunk) {
      const readers = yield* audience.guests(plan.request.event_data.event_id, ids.slice(at, at + chunk))
      const payer = at === 0 ? readers.find((reader) => reader.guest_id === ids[0]) : undefined
      const messages = [
        ...readers.flatMap(messagesFor(plan)),
        ...(payer === undefined ? [] : yield* receipt(plan, payer))
      ]
      const delivery = yield* notifier.deliver({ flowId: plan.flowId, sequenceId: null }, messages)
      for (const key of ["sent", "failed", "skipped", "retryable"] as const) total[key] += delivery[key]
      yield* feeds.append(feedOf(plan.flowId), {
        kind: "messages",
        data: {
          sent: total.sent,
          failed: total.failed,
          guests: Math.min(at + chunk, ids.length),
          of: ids.length
        }
      })
    }
    if (total.failed > 0) {
      return yield* new StepFailed({
        code: "messages_failed",
        detail: `${total.failed} messages could not be delivered; ${total.sent} were.`,
        retryable: total.retryable > 0
      })
    }
    return { sent: total.sent, skipped: total.skipped }
  })
