/**
 * How the core speaks to the notification service: the contract's own client over the HttpClient it is
 * given.
 */
import { Cause, Context, Effect, Layer, Predicate, Schema } from "effect"
import { HttpApiClient } from "effect/http-api"
import * as FairPlaces from "../durable/FairPlaces.ts"
import { NotificationApi } from "../services/notifications/NotificationApi.ts"
import type { Notification, Sent } from "../services/notifications/NotificationApi.ts"

/** Final: this message cannot be delivered as it is; `reason` is the problem's name. */
export class Undeliverable extends Schema.TaggedError<Undeliverable>()("Undeliverable", {
  reason: Schema.String,
  detail: Schema.optionalKey(Schema.String),
  response_code: Schema.optionalKey(Schema.Int),
  enhanced_code: Schema.optionalKey(Schema.String)
}) {}

/**
 * Retryable, under the same message id: the service or its provider could not take the message. `in_doubt`: its provider may
 * have taken it.
 */
export class NotificationsUnavailable extends Schema.TaggedError<NotificationsUnavailable>()(
  "NotificationsUnavailable",
  {
    reason: Schema.String,
    response_code: Schema.optionalKey(Schema.Int),
    enhanced_code: Schema.optionalKey(Schema.String),
    in_doubt: Schema.optionalKey(Schema.Boolean)
  }
) {}

interface Codes {
  readonly response_code?: number
  readonly enhanced_code?: string
}

const codesOf = ({ enhanced_code, response_code }: Codes) => ({
  ...(response_code === undefined ? {} : { response_code }),
  ...(enhanced_code === undefined ? {} : { enhanced_code })
})

const undeliverable = (problem: Codes & { readonly _tag: string; readonly detail?: string }) =>
  Effect.fail(
    new Undeliverable({
      reason: problem._tag,
      ...(problem.detail === undefined ? {} : { detail: problem.detail }),
      ...codesOf(problem)
    })
  )

/** The service took the message and did not answer in time: what becomes of it is not known. */
const isUnanswered = (error: { readonly _tag: string; readonly reason?: unknown }): boolean =>
  error._tag === "HttpClientError" && Predicate.hasProperty(error.reason, "cause") &&
  Cause.isTimeoutError(error.reason.cause)

/**
 * Messages that a process has under way; the others wait here, the more urgent first, where the ten seconds of an attempt do not pass: of
 * thousands begun at once the last run out of time, and the breaker then refuses the rest. Three for each connection
 * of the SMTP pool (5), so that none idles.
 */
export const sendsAtOnce = 16

/** Messages to guests and payers: one id is one message, however often it is sent. */
export class NotificationClient extends Context.Service<NotificationClient, {
  readonly send: (
    messageId: string,
    notification: Notification
  ) => Effect.Effect<Sent, Undeliverable | NotificationsUnavailable>
}>()("guichet/notifications/NotificationClient") {
  /** The HttpClient brings the origin, the timeout, the retries, the signature and the breaker. */
  static readonly layer = Layer.effect(
    NotificationClient,
    Effect.gen(function* () {
      const client = yield* HttpApiClient.make(NotificationApi)
      const room = FairPlaces.make({ places: sendsAtOnce })

      const send = Effect.fn("NotificationClient.send")((messageId: string, notification: Notification) =>
        client.notifications.send({ headers: { "x-request-id": messageId }, payload: notification }).pipe(
          Effect.catchTags({
            InvalidRecipient: undeliverable,
            UnknownTemplate: undeliverable,
            InvalidAttachment: undeliverable,
            NotDueYet: undeliverable,
            NoProvider: undeliverable,
            DeliveryRefused: undeliverable,
            InvalidRequest: undeliverable,
            MalformedRequest: undeliverable
          }),
          Effect.catchTag("DeliveryDelayed", ({ _tag, in_doubt, ...problem }) =>
            Effect.fail(
              new NotificationsUnavailable({
                reason: _tag,
                ...codesOf(problem),
                ...(in_doubt === true ? { in_doubt } : {})
              })
            )),
          Effect.mapError((error) =>
            error._tag === "Undeliverable" || error._tag === "NotificationsUnavailable"
              ? error
              : new NotificationsUnavailable({
                reason: error._tag === "HttpClientError" ? error.reason._tag : error._tag,
                ...(isUnanswered(error) ? { in_doubt: true } : {})
              })
          ),
          (sending) => room({ owner: "", priority: notification.priority }, sending)
        )
      )

      return NotificationClient.of({ send })
    })
  )
}
