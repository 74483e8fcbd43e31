/**
 * Serves the notification contract: reads the recipient, renders the template, hands the message over once.
 */
import { DateTime, Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import type { Channel } from "../../../rpc/NotificationSequence.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import * as Attachments from "./Attachments.ts"
import type { DeliveryError } from "./DeliveryError.ts"
import { EmailTransport } from "./EmailTransport.ts"
import {
  DeliveryDelayed,
  DeliveryRefused,
  InvalidRecipient,
  NoProvider,
  NotDueYet,
  NotificationApi
} from "./NotificationApi.ts"
import type { Notification, Sent } from "./NotificationApi.ts"
import * as SingleFlight from "../../durable/SingleFlight.ts"
import { messageEnded } from "../../telemetry/metrics/WorkMetrics.ts"
import * as Recipient from "./Recipient.ts"
import { SmsTransport } from "./SmsTransport.ts"
import { type RenderedEmail, Templates } from "./Templates.ts"
import * as Variables from "./templates/Variables.ts"
import type * as View from "./templates/View.ts"

const code = ({ code, status }: { readonly code?: number; readonly status?: string }) => ({
  ...(code === undefined ? {} : { response_code: code }),
  ...(status === undefined ? {} : { enhanced_code: status })
})

const explain = ({ reason }: DeliveryError) => {
  switch (reason._tag) {
    case "Rejected":
      return new DeliveryRefused({
        ...code(reason),
        detail: "Correct the address; do not send this message again."
      })
    case "Unequipped":
      return new NoProvider({ detail: "No provider is configured for this channel; send over another one." })
    case "Unreachable":
      return new DeliveryDelayed({
        ...code(reason),
        ...(reason.inDoubt === true ? { in_doubt: true } : {}),
        retry_after: 2,
        detail: "Send the same message again, under the same X-Request-ID."
      })
  }
}

const checkDue = Effect.fnUntraced(function* ({ scheduled_at }: Notification) {
  if (scheduled_at === null || scheduled_at === undefined) return
  if (DateTime.isLessThanOrEqualTo(scheduled_at, yield* DateTime.now)) return
  return yield* new NotDueYet({
    scheduled_at,
    detail: "The core schedules: send this message when it is due."
  })
})

const wordsOf = ({ html, text }: RenderedEmail) => ({ html, text })

const sendEmail = Effect.fnUntraced(function* (messageId: string, address: string, body: Notification) {
  const [templates, transport] = [yield* Templates, yield* EmailTransport]
  const variables = yield* Effect.orDie(Variables.decode(body.variables))
  const files = yield* Attachments.list(body.variables.attachments, variables)
  const attached = Attachments.describe(files)
  const render = (attached: View.Attached) =>
    templates.email({
      templateId: body.template_id,
      subject: body.subject,
      variables,
      attached,
      domain: transport.domain
    })
  const { calendar, ...rendered } = yield* render(attached)
  const read = yield* Attachments.read(files)
  yield* transport.send({
    ...rendered,
    ...(attached.pdf ? { alone: yield* Effect.map(render({ ...attached, pdf: false }), wordsOf) } : {}),
    organizer: variables.organizer_name,
    messageId,
    to: address,
    files: calendar === undefined ? read : [...read, calendar]
  }).pipe(Effect.mapError(explain))
  const sent: Sent = { message_id: messageId, channel: "email", status: "sent", provider: transport.provider }
  return sent
})

const sendSms = Effect.fnUntraced(function* (messageId: string, number: string, body: Notification) {
  const [templates, transport] = [yield* Templates, yield* SmsTransport]
  const variables = yield* Effect.orDie(Variables.decode(body.variables))
  const text = yield* templates.sms({
    templateId: body.template_id,
    subject: undefined,
    variables,
    attached: { qr: false, pdf: false }
  })
  const { segments } = yield* Effect.mapError(transport.send({ messageId, to: number, text }), explain)
  const sent: Sent = {
    message_id: messageId,
    channel: "sms",
    status: "sent",
    provider: transport.provider,
    segments
  }
  return sent
})

const sendings = { email: sendEmail, sms: sendSms } satisfies Record<Channel, unknown>

const deliver = Effect.fn("Notifications.deliver")(function* (messageId: string, body: Notification) {
  yield* Effect.annotateCurrentSpan({ template: body.template_id, priority: body.priority })
  yield* checkDue(body)
  const recipient = Recipient.parse(body.to)
  if (recipient === undefined) {
    return yield* new InvalidRecipient({
      detail: "`to` is an e-mail address, or a mobile number such as +33612345678."
    })
  }
  return yield* sendings[recipient.channel](messageId, recipient.address, body)
})

/** The handlers: on one channel, a repeat of a message id joins the first delivery or gets its answer. */
export const NotificationHandlersLayer = HttpApiBuilder.group(
  NotificationApi,
  "notifications",
  Effect.fnUntraced(function* (handlers) {
    const once = yield* SingleFlight.make<Sent, Effect.Error<ReturnType<typeof deliver>>>(10_000)
    return handlers.handle("send", ({ headers, payload }) => {
      const messageId = headers["x-request-id"]
      const channel = Recipient.parse(payload.to)?.channel ?? "none"
      const delivery = Effect.onExit(
        deliver(messageId, payload),
        (exit) => Effect.sync(() => messageEnded(channel, exit))
      )
      return once(`${channel} ${messageId}`, delivery)
    })
  })
)

/** The routes of the service; it leaves the transports, the templates and the file store open. */
export const NotificationServerLayer = HttpApiBuilder.layer(NotificationApi).pipe(
  Layer.provide(NotificationHandlersLayer),
  Layer.provide(ProblemMiddleware.layer)
)
