/**
 * Postmark's webhooks, which sign nothing: the user and the password in their address come as HTTP Basic
 * (https://postmarkapp.com/developer/webhooks/webhooks-overview#protecting-your-webhook).
 */
import { Effect, Option, Redacted, Schema } from "effect"
import { createHash, timingSafeEqual } from "node:crypto"
import { detailOf, type Feedback, jsonOf, namedBy, NotFromProvider, type Reader } from "./Feedback.ts"

const short = Schema.String.check(Schema.isMaxLength(320))

const Body = Schema.Struct({
  RecordType: Schema.String,
  Type: Schema.optionalKey(Schema.String),
  Email: Schema.optionalKey(short),
  Recipient: Schema.optionalKey(short),
  From: Schema.optionalKey(Schema.String),
  Details: Schema.optionalKey(Schema.String),
  SuppressSending: Schema.optionalKey(Schema.Boolean),
  SuppressionReason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  Metadata: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})
type Body = typeof Body.Type
const decode = Schema.decodeUnknownOption(Body)

const changes: Readonly<Record<string, Feedback["reason"]>> = {
  HardBounce: "hard_bounce",
  SpamComplaint: "complaint",
  ManualSuppression: "unsubscribed"
}

const reasonOf = (body: Body): Feedback["reason"] | undefined =>
  body.RecordType === "Bounce" && (body.Type === "HardBounce" || body.Type === "BadEmailAddress")
    ? "hard_bounce"
    : body.RecordType === "SpamComplaint"
    ? "complaint"
    : body.RecordType === "SubscriptionChange" && body.SuppressSending === true
    ? changes[body.SuppressionReason ?? ""]
    : undefined

const digest = (text: string) => createHash("sha256").update(text).digest()

const isKnown = (given: Redacted.Redacted, header: string | undefined): boolean =>
  timingSafeEqual(
    digest(`Basic ${Buffer.from(Redacted.value(given)).toString("base64")}`),
    digest(header ?? "")
  )

/** `given` is `user:password`. */
export const reader = (given: Redacted.Redacted): Reader => (raw, headers) =>
  Effect.gen(function* () {
    const body = Option.getOrUndefined(decode(jsonOf(raw)))
    if (!isKnown(given, headers["authorization"]) || body === undefined) return yield* new NotFromProvider()
    const reason = reasonOf(body)
    const address = body.Email ?? body.Recipient
    if (reason === undefined || address === undefined) return []
    const { message } = body.Metadata ?? {}
    return [{
      reason,
      address,
      message: typeof message === "string" ? message : namedBy(body.From),
      detail: detailOf(body.Type, body.Details)
    }]
  })
