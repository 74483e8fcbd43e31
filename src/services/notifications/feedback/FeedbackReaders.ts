/** The providers whose reports are believed here, by what was set of each. */
import { Config, Context, Effect, Layer, Option } from "effect"
import { HttpClient } from "effect/http"
import { NotFromProvider, type Reader } from "./Feedback.ts"
import * as Mailgun from "./Mailgun.ts"
import * as Plain from "./Plain.ts"
import * as Postmark from "./Postmark.ts"
import * as Ses from "./Ses.ts"

/** Names of providers, as the paths of their webhooks end. */
export type Provider = "ses" | "mailgun" | "postmark" | "plain"

const nobody: Reader = () => Effect.fail(new NotFromProvider())

/** A provider of which nothing is set is believed nothing. */
export class FeedbackReaders extends Context.Service<FeedbackReaders, Readonly<Record<Provider, Reader>>>()(
  "guichet/services/notifications/FeedbackReaders"
) {
  static readonly layer = Layer.effect(
    FeedbackReaders,
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      const topic = yield* Config.option(Config.NonEmptyString("SES_SNS_TOPIC_ARN"))
      const mailgun = yield* Config.option(Config.Redacted("MAILGUN_SIGNING_KEY"))
      const postmark = yield* Config.option(Config.Redacted("POSTMARK_WEBHOOK_AUTH"))
      const plain = yield* Config.option(Config.Redacted("MAIL_FEEDBACK_SECRET"))
      const or = <A>(given: Option.Option<A>, reader: (given: A) => Reader) =>
        Option.match(given, { onNone: () => nobody, onSome: reader })
      return FeedbackReaders.of({
        ses: Option.isNone(topic) ? nobody : yield* Ses.reader(topic.value, client),
        mailgun: or(mailgun, Mailgun.reader),
        postmark: or(postmark, Postmark.reader),
        plain: or(plain, Plain.reader)
      })
    })
  )
}
