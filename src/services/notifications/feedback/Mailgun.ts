/**
 * Mailgun's webhooks: HMAC-SHA256 over timestamp and token, in the body
 * (https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks).
 */
import { Clock, Effect, Option, Redacted, Schema } from "effect"
import { createHmac, timingSafeEqual } from "node:crypto"
import { detailOf, type Feedback, jsonOf, namedBy, NotFromProvider, type Reader } from "./Feedback.ts"

const Body = Schema.Struct({
  signature: Schema.Struct({
    timestamp: Schema.String.check(Schema.isPattern(/^[1-9]\d{0,11}$/)),
    token: Schema.String.check(Schema.isMaxLength(100)),
    signature: Schema.String.check(Schema.isPattern(/^[0-9a-f]{64}$/))
  }),
  "event-data": Schema.Struct({
    event: Schema.String,
    severity: Schema.optionalKey(Schema.String),
    recipient: Schema.optionalKey(Schema.String.check(Schema.isMaxLength(320))),
    envelope: Schema.optionalKey(Schema.Struct({ sender: Schema.optionalKey(Schema.String) })),
    "delivery-status": Schema.optionalKey(Schema.Struct({
      code: Schema.optionalKey(Schema.Finite),
      "enhanced-code": Schema.optionalKey(Schema.String),
      message: Schema.optionalKey(Schema.String)
    }))
  })
})
type Event = (typeof Body.Type)["event-data"]
const decode = Schema.decodeUnknownOption(Body)

/** Mailgun sends a report again for eight hours, signed as it was the first time; what was done twice is done once. */
const oldest = 12 * 3_600

const isSigned = (key: Redacted.Redacted, { signature, timestamp, token }: (typeof Body.Type)["signature"]) =>
  timingSafeEqual(
    createHmac("sha256", Redacted.value(key)).update(timestamp + token).digest(),
    Buffer.from(signature, "hex")
  )

/** A permanent failure alone is a bounce. */
const reasonOf = ({ event, severity }: Event): Feedback["reason"] | undefined =>
  event === "failed" && severity === "permanent"
    ? "hard_bounce"
    : event === "complained"
    ? "complaint"
    : event === "unsubscribed"
    ? "unsubscribed"
    : undefined

export const reader = (key: Redacted.Redacted): Reader => (raw) =>
  Effect.gen(function* () {
    const body = Option.getOrUndefined(decode(jsonOf(raw)))
    const now = Math.floor((yield* Clock.currentTimeMillis) / 1_000)
    if (
      body === undefined || !isSigned(key, body.signature) ||
      Math.abs(now - Number(body.signature.timestamp)) > oldest
    ) {
      return yield* new NotFromProvider()
    }
    const event = body["event-data"]
    const reason = reasonOf(event)
    if (reason === undefined || event.recipient === undefined) return []
    const status = event["delivery-status"]
    return [{
      reason,
      address: event.recipient,
      message: namedBy(event.envelope?.sender),
      detail: detailOf(status?.code?.toString(), status?.["enhanced-code"], status?.message)
    }]
  })
