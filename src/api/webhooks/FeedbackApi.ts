/** What providers of mail report: bounces and complaints, each believed by the proof that its provider gives. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { ServiceRefused, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"

/** How many addresses came on a list. */
export const FeedbackTaken = Schema.Struct({ received: Schema.Literal(true), suppressed: Schema.Int })

const answers = { success: FeedbackTaken, error: [ServiceRefused, Unavailable] } as const

/** Bodies are verified as they are, before anything is read of them. */
export class FeedbackGroup extends HttpApiGroup.make("mailFeedback").add(
  HttpApiEndpoint.post("ses", "/mail-feedback/ses", answers).annotateMerge(OpenApi.annotations({
    summary: "Amazon SES over SNS",
    description: "Signed by SNS, of the topic in `SES_SNS_TOPIC_ARN`; a subscription is confirmed by itself."
  })),
  HttpApiEndpoint.post("mailgun", "/mail-feedback/mailgun", answers).annotateMerge(OpenApi.annotations({
    summary: "Mailgun",
    description: "Signed under `MAILGUN_SIGNING_KEY`: permanent failures, complaints, unsubscriptions."
  })),
  HttpApiEndpoint.post("postmark", "/mail-feedback/postmark", answers).annotateMerge(OpenApi.annotations({
    summary: "Postmark",
    description:
      "HTTP Basic, as `POSTMARK_WEBHOOK_AUTH` says: bounces, spam complaints, subscription changes."
  })),
  HttpApiEndpoint.post("plain", "/mail-feedback/plain", answers).annotateMerge(OpenApi.annotations({
    summary: "A mail server of your own",
    description:
      "`{ reason, address, message?, sender?, detail? }` or `{ events: [...] }`, where `reason` is `hard_bounce`, `complaint` or " +
      "`unsubscribed`; signed in `X-Guichet-Signature: t=<seconds>,v1=<hex>`, HMAC-SHA256 of `<seconds>.<body>` under " +
      "`MAIL_FEEDBACK_SECRET`."
  }))
)
  .middleware(ProblemMiddleware)
  .annotateMerge(OpenApi.annotations({
    title: "Reports of mail providers",
    description: "Bounces and complaints put addresses on the list of the organiser whose message it was."
  })) {}
