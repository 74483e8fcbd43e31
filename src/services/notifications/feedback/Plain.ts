/**
 * Reports in a shape of our own, for a mail server or a script: `{ reason, address, message?, detail? }`, or a list of them as
 * `events`, signed as Stripe signs (`X-Guichet-Signature: t=<seconds>,v1=<hex>`) under `MAIL_FEEDBACK_SECRET`.
 */
import { Clock, Effect, Option, type Redacted, Schema } from "effect"
import { storable } from "../../../../rpc/values/Values.ts"
import { signedSecond } from "../../../trust/StripeHeader.ts"
import { detailOf, type Feedback, jsonOf, namedBy, NotFromProvider, type Reader } from "./Feedback.ts"

export const plainSignatureHeader = "x-guichet-signature"

const Event = Schema.Struct({
  reason: Schema.Literals(["hard_bounce", "complaint", "unsubscribed"]),
  address: storable(320),
  message: Schema.optionalKey(storable(200)),
  /** The envelope's sender that a bounce came back to, in place of `message`. */
  sender: Schema.optionalKey(storable(320)),
  detail: Schema.optionalKey(storable(1_000))
})
const Body = Schema.Union([
  Schema.Struct({ events: Schema.Array(Event).check(Schema.isMaxLength(1_000)) }),
  Event
])
const decode = Schema.decodeUnknownOption(Body)

export const reader = (secret: Redacted.Redacted): Reader => (raw, headers) =>
  Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    if (signedSecond(headers[plainSignatureHeader] ?? "", raw, [secret], now) === undefined) {
      return yield* new NotFromProvider()
    }
    const body = yield* Option.match(decode(jsonOf(raw)), {
      onNone: () => Effect.fail(new NotFromProvider()),
      onSome: Effect.succeed
    })
    return ("events" in body ? body.events : [body]).map((
      { address, detail, message, reason, sender }
    ): Feedback => ({
      reason,
      address,
      message: message ?? namedBy(sender),
      detail: detailOf(detail)
    }))
  })
