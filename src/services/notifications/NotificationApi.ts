/** The contract of the notification service (port 3002): one message to one recipient, sent now. */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiError, HttpApiGroup } from "effect/http-api"
import { Channel } from "../../../rpc/NotificationSequence.ts"
import { storable } from "../../../rpc/values/Values.ts"
import { problemType } from "../../http/ProblemCatalog.ts"
import { parsing, ProblemMiddleware } from "../../http/ProblemMiddleware.ts"
import { AllowedServices } from "../../trust/CallingService.ts"
import { ServiceAuth } from "../../trust/ServiceAuth.ts"

/** The sender's id of a message: the same id is one message, however often it is sent. */
export const MessageId = Schema.String.check(Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/))

/** The body of flow 5, as documented: `to` is an e-mail address or an E.164 phone number. */
export const Notification = Schema.Struct({
  to: storable(320),
  subject: Schema.optionalKey(Schema.NullOr(storable(300))),
  template_id: storable(100),
  variables: Schema.Record(Schema.String, Schema.Unknown),
  priority: Schema.Literals(["low", "normal", "high"]),
  scheduled_at: Schema.optionalKey(Schema.NullOr(Schema.DateTimeUtcFromString))
})
export type Notification = typeof Notification.Type

/** The answer to a message handed over; `channel` follows from the shape of `to`; `segments` counts what an SMS is billed for. */
export const Sent = Schema.Struct({
  message_id: MessageId,
  channel: Channel,
  status: Schema.Literal("sent"),
  provider: Schema.String,
  segments: Schema.optionalKey(Schema.Int)
})
export type Sent = typeof Sent.Type

const final = { final: Schema.tag(true) }

/** `to` is neither an e-mail address nor a mobile phone number in E.164. */
export class InvalidRecipient extends HttpApiError.Problem<InvalidRecipient>()("InvalidRecipient", {
  type: problemType("invalid-recipient"),
  status: 422,
  title: "The recipient is not an address this service can reach."
}, final) {}

/** No template has this id. */
export class UnknownTemplate extends HttpApiError.Problem<UnknownTemplate>()("UnknownTemplate", {
  type: problemType("unknown-template"),
  status: 422,
  title: "No template has this id."
}, { ...final, template_id: Schema.String, known: Schema.Array(Schema.String) }) {}

/** `variables.attachments` is malformed or names a file that does not exist. */
export class InvalidAttachment extends HttpApiError.Problem<InvalidAttachment>()("InvalidAttachment", {
  type: problemType("invalid-attachment"),
  status: 422,
  title: "An attachment cannot be sent."
}, final) {}

/** `scheduled_at` lies in the future: the core owns time and sends when the moment has come. */
export class NotDueYet extends HttpApiError.Problem<NotDueYet>()("NotDueYet", {
  type: problemType("not-due-yet"),
  status: 422,
  title: "This service sends now; messages are scheduled by the core."
}, { ...final, scheduled_at: Schema.DateTimeUtcFromString }) {}

/** The provider refused the message for good (SMTP 5xx): sending it again would fail again. */
export class DeliveryRefused extends HttpApiError.Problem<DeliveryRefused>()("DeliveryRefused", {
  type: problemType("delivery-refused"),
  status: 422,
  title: "The message was refused for good."
}, {
  ...final,
  response_code: Schema.optionalKey(Schema.Int),
  enhanced_code: Schema.optionalKey(Schema.String)
}) {}

/** This installation has no provider for the channel of `to`. */
export class NoProvider extends HttpApiError.Problem<NoProvider>()("NoProvider", {
  type: problemType("no-provider"),
  status: 422,
  title: "Nothing carries messages over this channel."
}, final) {}

/**
 * The provider cannot take the message for now (SMTP 4xx, no connection): send it again later;
 * `retry_after` is in seconds. `in_doubt`: it may have taken it, as its answer to all of it did not come.
 */
export class DeliveryDelayed extends HttpApiError.Problem<DeliveryDelayed>()("DeliveryDelayed", {
  type: problemType("delivery-delayed"),
  status: 503,
  title: "The message cannot be delivered for now."
}, {
  final: Schema.tag(false),
  retryable: Schema.tag(true),
  retry_after: Schema.Int,
  response_code: Schema.optionalKey(Schema.Int),
  enhanced_code: Schema.optionalKey(Schema.String),
  in_doubt: Schema.optionalKey(Schema.Boolean)
}) {}

/** `X-Request-ID` is the message id. */
export class NotificationsGroup extends HttpApiGroup.make("notifications").add(
  HttpApiEndpoint.post("send", "/notifications/send", {
    headers: { "x-request-id": MessageId },
    payload: Notification,
    success: Sent,
    error: [
      InvalidRecipient,
      UnknownTemplate,
      InvalidAttachment,
      NotDueYet,
      NoProvider,
      DeliveryRefused,
      DeliveryDelayed
    ]
  })
).middleware(ProblemMiddleware).middleware(ServiceAuth).annotate(AllowedServices, ["event-planner-core"]) {}

/** The notification service under its prefix. */
export class NotificationApi extends HttpApi.make("notification-service")
  .add(NotificationsGroup)
  .prefix("/api")
  .annotateMerge(parsing) {}
