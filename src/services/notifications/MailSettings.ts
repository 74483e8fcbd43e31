/** What is set of e-mail: server, sender, bounces, signature, and whether files are kept. */
import { Config, Effect, Option, Redacted, Schema } from "effect"
import * as Database from "../../database/Database.ts"

export const sender = Config.NonEmptyString("MAIL_FROM")

/** The mail server or the sender is not what it must be; `message` says which variable to set. */
export class MailMisconfigured
  extends Schema.TaggedError<MailMisconfigured>()("MailMisconfigured", { message: Schema.String }) {}

/** Whether each message is kept as a file, beside the mail server or instead of one. */
export const outboxKept = Config.withDefault(Config.Boolean("MAIL_OUTBOX"), false)

/** Whether mail and password may go to another host in clear, where it offers no TLS. */
export const clearText = Config.withDefault(Config.Boolean("SMTP_CLEARTEXT"), false)

/** Where bounces go, such as `bounces@mail.example`; a local part that leaves room for 33 more characters (RFC 5321, 4.5.3.1.1). */
export const bounceAddress = Config.option(
  Config.schema(
    Schema.String.check(
      Schema.isPattern(/^[A-Za-z0-9._-]{1,31}@[A-Za-z0-9.-]{1,180}$/, {
        message: "Expected an address such as bounces@mail.example, with at most 31 characters before the @"
      })
    ),
    "MAIL_BOUNCES"
  )
)

/** What DKIM signs beside what nodemailer lists: a one-click unsubscription counts only when both its headers are signed (RFC 8058). */
const signedHeaders = [
  "From",
  "Sender",
  "Reply-To",
  "Subject",
  "Date",
  "Message-ID",
  "To",
  "Cc",
  "MIME-Version",
  "Content-Type",
  "Content-Transfer-Encoding",
  "Auto-Submitted",
  "List-Unsubscribe",
  "List-Unsubscribe-Post"
].join(":")

const pem = Schema.Redacted(Schema.String.check(
  Schema.isPattern(/^-----BEGIN (RSA )?PRIVATE KEY-----/, { message: "Expected a private key in PEM" })
))

/** The key of the sender's domain, and the selector under which its public half stands in the DNS; none without a key. */
export const dkimKey = Effect.gen(function* () {
  const key = yield* Config.option(Config.schema(pem, "DKIM_PRIVATE_KEY"))
  if (Option.isNone(key)) return Option.none()
  return Option.some({
    privateKey: Redacted.value(key.value).replaceAll("\\n", "\n"),
    keySelector: yield* Config.NonEmptyString("DKIM_SELECTOR"),
    headerFieldNames: signedHeaders
  })
})

/**
 * The mail server, and whether each message is kept beside it. Without one messages are files alone, on a database
 * server only by who asks for it.
 */
export const mailSettings = Effect.gen(function* () {
  const smtp = yield* Config.option(Config.Redacted("SMTP_URL"))
  if (Option.isSome(smtp)) {
    const url = Redacted.value(smtp.value)
    if (!/^smtps?:\/\/[^\s/]/.test(url) || !URL.canParse(url)) {
      return yield* new MailMisconfigured({
        message: "SMTP_URL is not an address such as smtps://user:password@mail.example:465."
      })
    }
    if (Option.isNone(yield* Config.option(sender))) {
      return yield* new MailMisconfigured({
        message: "SMTP_URL is set: set MAIL_FROM too, such as Guichet <tickets@example.com>."
      })
    }
  }
  const keep = yield* outboxKept
  if (Option.isNone(smtp) && !keep && Option.isSome(yield* Database.url)) {
    return yield* new MailMisconfigured({
      message:
        "Set SMTP_URL and MAIL_FROM, or MAIL_OUTBOX=true to keep e-mails as files that are sent to nobody."
    })
  }
  return { smtp, keep }
})
