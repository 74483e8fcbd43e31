/** Amazon SES, whose reports come through SNS: bounces and complaints of one topic (`SES_SNS_TOPIC_ARN`). */
import { Effect, Option, Schema } from "effect"
import type { HttpClient } from "effect/http"
import { detailOf, type Feedback, jsonOf, namedBy, NotFromProvider, type Reader } from "./Feedback.ts"
import * as SnsSignature from "./SnsSignature.ts"

const address = Schema.String.check(Schema.isMaxLength(320))

const Report = Schema.Struct({
  notificationType: Schema.optionalKey(Schema.String),
  eventType: Schema.optionalKey(Schema.String),
  mail: Schema.Struct({ source: Schema.optionalKey(Schema.String) }),
  bounce: Schema.optionalKey(Schema.Struct({
    bounceType: Schema.String,
    bouncedRecipients: Schema.Array(Schema.Struct({
      emailAddress: address,
      status: Schema.optionalKey(Schema.String),
      diagnosticCode: Schema.optionalKey(Schema.String)
    })).check(Schema.isMaxLength(100))
  })),
  complaint: Schema.optionalKey(Schema.Struct({
    complainedRecipients: Schema.Array(Schema.Struct({ emailAddress: address })).check(
      Schema.isMaxLength(100)
    ),
    complaintFeedbackType: Schema.optionalKey(Schema.NullOr(Schema.String))
  }))
})
const decodeMessage = Schema.decodeUnknownOption(SnsSignature.SnsMessage)
const decodeReport = Schema.decodeUnknownOption(Report)

/** A name and angle brackets around an address are no part of it. */
const bare = (text: string) => /<([^<>]+)>$/.exec(text)?.[1] ?? text

const feedbackOf = ({ bounce, complaint, mail }: typeof Report.Type): ReadonlyArray<Feedback> => {
  const message = namedBy(mail.source)
  const bounced = bounce?.bounceType === "Permanent" ? bounce.bouncedRecipients : []
  return [
    ...bounced.map(({ diagnosticCode, emailAddress, status }): Feedback => ({
      reason: "hard_bounce",
      address: bare(emailAddress),
      message,
      detail: detailOf(status, diagnosticCode)
    })),
    ...(complaint?.complainedRecipients ?? []).map(({ emailAddress }): Feedback => ({
      reason: "complaint",
      address: bare(emailAddress),
      message,
      detail: detailOf(complaint?.complaintFeedbackType ?? undefined)
    }))
  ]
}

/** Messages of another topic are nobody's: anybody may have one, signed by SNS all the same. */
export const reader = (
  topic: string,
  client: HttpClient.HttpClient
): Effect.Effect<Reader> =>
  Effect.map(SnsSignature.make(client), (sns) => (raw) =>
    Effect.gen(function* () {
      const message = Option.getOrUndefined(decodeMessage(jsonOf(raw)))
      if (message === undefined || message.TopicArn !== topic) return yield* new NotFromProvider()
      yield* sns.verified(message)
      if (message.Type === "SubscriptionConfirmation") yield* sns.confirm(message)
      if (message.Type !== "Notification") return []
      return Option.match(decodeReport(jsonOf(new TextEncoder().encode(message.Message))), {
        onNone: () => [],
        onSome: feedbackOf
      })
    }))
