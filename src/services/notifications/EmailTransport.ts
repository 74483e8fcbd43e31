/** Hands one e-mail to SMTP (`SMTP_URL`), or to the outbox as a real `.eml` file. */
import { Config, Context, Effect, Layer, Option, Redacted } from "effect"
import type { PlatformError } from "effect"
import { createHash } from "node:crypto"
import { createTransport } from "nodemailer"
import type { NodemailerError, SendMailOptions } from "nodemailer"
import { listen } from "../../bounds/Listener.ts"
import { headerAddress } from "../../../rpc/NotificationSequence.ts"
import { isLoopback } from "../../trust/LoopbackHost.ts"
import { DeliveryError, Rejected, Unreachable } from "./DeliveryError.ts"
import * as Outbox from "./Outbox.ts"
import { isTooBig, mayHaveBeenTaken, toDeliveryError } from "./SmtpReply.ts"
import { bounceAddress, clearText, dkimKey, mailSettings, sender } from "./MailSettings.ts"

/** A file of a message; with a `cid` it is shown inside the HTML part. */
export interface EmailFile {
  readonly filename: string
  readonly contentType: string
  readonly content: Uint8Array
  readonly cid?: string | undefined
}

/** A rendered message to one address that has been checked. */
export interface Email {
  readonly messageId: string
  readonly to: string
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly files: ReadonlyArray<EmailFile>
  /** What it says when its documents have to stay behind. */
  readonly alone?: { readonly text: string; readonly html: string } | undefined
  readonly unsubscribeUrl?: string | undefined
  /** Whose message it is: the name that the sender's address is shown with, in place of the installation's. */
  readonly organizer?: string | undefined
}

const closed = { disableFileAccess: true, disableUrlAccess: true } as const

const host = (from: string) => /@([^\s>]+)/.exec(from)?.[1] ?? "guichet.invalid"

/** RFC 8058: one-click needs both headers and an https address. */
const unsubscribe = (url: string) => {
  const address = headerAddress(url)
  return address === undefined ? {} : ({
    "List-Unsubscribe": { prepared: true, value: `<${address}>` },
    ...(address.startsWith("https:") ? { "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" } : {})
  })
}

/** The envelope's sender of each message names it (VERP): what comes back to it says which message it is of. */
const returnPath = (bounces: Option.Option<string>, { messageId, to }: Email) =>
  Option.match(bounces, {
    onNone: () => ({}),
    onSome: (address) => {
      const at = address.lastIndexOf("@")
      const digest = createHash("md5").update(messageId).digest("hex")
      return { envelope: { from: `${address.slice(0, at)}+${digest}${address.slice(at)}`, to } }
    }
  })

/** The installation's address under the organiser's name. */
const senderOf = (from: string, { organizer }: Email): SendMailOptions["from"] =>
  organizer === undefined
    ? from
    : { name: organizer, address: /<([^<>]+)>\s*$/.exec(from)?.[1] ?? from.trim() }

const toMime = (from: string, email: Email): SendMailOptions => ({
  from: senderOf(from, email),
  to: { name: "", address: email.to },
  subject: email.subject,
  text: email.text,
  html: email.html,
  messageId: `<${Outbox.stem(email.messageId)}@${host(from)}>`,
  headers: {
    "Auto-Submitted": "auto-generated",
    ...(email.unsubscribeUrl === undefined ? {} : unsubscribe(email.unsubscribeUrl))
  },
  attachments: email.files.map((file) => ({
    filename: file.filename,
    contentType: file.contentType,
    content: Buffer.from(file.content),
    ...(file.cid === undefined ? {} : { cid: file.cid, contentDisposition: "inline" })
  })),
  xMailer: false
})

const outboxError = (error: PlatformError.PlatformError) =>
  new DeliveryError({ reason: new Unreachable({ cause: error.reason._tag }) })

const composer = (from: string) => {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: "windows", ...closed })
  return (email: Email) =>
    Effect.tryPromise({
      try: async () => {
        const { message } = await transport.sendMail(toMime(from, email))
        return message instanceof Uint8Array ? message : new Uint8Array()
      },
      catch: (error) => toDeliveryError(error as NodemailerError)
    })
}

/** RFC 5321, 4.5.3.2.6: a server that was sent all of a message has ten minutes to answer. */
const endOfData = 600_000

/** Documents; what is shown inside the message, and the calendar entry, stay. */
const isDetachable = ({ cid, contentType }: EmailFile): boolean =>
  cid === undefined && !contentType.startsWith("text/calendar")

/** An attempt that failed, and whether the server may have taken the message all the same. */
interface Failed {
  readonly error: NodemailerError
  readonly inDoubt: boolean
}

const fileOf = (email: Email) => `${Outbox.stem(email.messageId)}.eml`

/** The port of e-mail: one provider behind it, named by `provider`. */
export class EmailTransport extends Context.Service<EmailTransport, {
  readonly provider: string
  /** The sender's domain: what is called so in it is one thing in the world. */
  readonly domain: string
  readonly send: (email: Email) => Effect.Effect<void, DeliveryError>
}>()("guichet/services/notifications/EmailTransport") {
  /** Every message becomes `<dir>/outbox/<id>.eml`. */
  static readonly layerOutbox = (dir: string) =>
    Layer.effect(
      EmailTransport,
      Effect.gen(function* () {
        const from = yield* sender.pipe(Config.withDefault("Guichet <billetterie@guichet.invalid>"))
        const compose = composer(from)
        const outbox = yield* Outbox.make(dir)
        const send = Effect.fn("EmailTransport.send")(function* (email: Email) {
          const bytes = yield* compose(email)
          yield* Effect.mapError(outbox.write(fileOf(email), bytes), outboxError)
        })
        return EmailTransport.of({ provider: "outbox", domain: host(from), send })
      })
    )

  /**
   * A pooled SMTP client; with `outboxDir` each accepted message is kept there, and an id kept there is not
   * sent again.
   */
  static readonly layerSmtp = (options?: { readonly outboxDir?: string | undefined }) =>
    Layer.effect(
      EmailTransport,
      Effect.gen(function* () {
        const from = yield* sender
        const url = yield* Config.Redacted("SMTP_URL")
        const inClear = yield* clearText
        const bounces = yield* bounceAddress
        const dkim = yield* dkimKey
        const compose = composer(from)
        const outbox = options?.outboxDir === undefined ? undefined : yield* Outbox.make(options.outboxDir)
        const transport = yield* Effect.acquireRelease(
          Effect.sync(() =>
            createTransport({
              url: Redacted.value(url),
              pool: true,
              connectionTimeout: 5_000,
              greetingTimeout: 30_000,
              socketTimeout: endOfData,
              // A message that may have been taken is sent again by who knows that, and not in silence.
              maxRequeues: 0,
              requireTLS: !inClear && !isLoopback(new URL(Redacted.value(url)).hostname),
              ...(Option.isSome(dkim) ? { dkim: { ...dkim.value, domainName: host(from) } } : {}),
              ...closed
            })
          ),
          (transport) => Effect.sync(() => transport.close())
        )

        /** Messages under way that a server was sent all of. No error says so: a connection that is lost is just that. */
        const whole = new Set<string>()
        transport.use("stream", ({ data: { messageId }, message }, done) => {
          message?.processFunc((stream) => {
            // A set that is added to throws nothing.
            listen(stream, "end", () => messageId !== undefined && whole.add(messageId), () => undefined)
            return stream
          })
          done()
        })

        const attempt = (email: Email) => {
          const mime = { ...toMime(from, email), ...returnPath(bounces, email) }
          const messageId = String(mime.messageId)
          return Effect.tryPromise({
            try: (signal) => transport.sendMail({ ...mime, signal }),
            catch: (error): Failed => ({
              error: error as NodemailerError,
              inDoubt: mayHaveBeenTaken(error as NodemailerError, whole.has(messageId))
            })
          }).pipe(
            Effect.tapError(({ inDoubt }) =>
              inDoubt
                ? Effect.logWarning(
                  "A message may have been taken: if it is sent again, it has the same Message-ID",
                  { messageId: email.messageId }
                )
                : Effect.void
            ),
            Effect.ensuring(Effect.sync(() => whole.delete(messageId)))
          )
        }

        /** A message that is too big goes without what it has as a link, too. */
        const submit = (email: Email) =>
          attempt(email).pipe(
            Effect.catchIf(
              ({ error }) => isTooBig(error) && email.files.some(isDetachable),
              () =>
                Effect.andThen(
                  Effect.logWarning("A message is too big for its server, and goes without its documents", {
                    messageId: email.messageId
                  }),
                  attempt({
                    ...email,
                    ...email.alone,
                    files: email.files.filter((file) => !isDetachable(file))
                  })
                )
            ),
            Effect.mapError(({ error, inDoubt }) => toDeliveryError(error, inDoubt)),
            Effect.filterOrFail(
              (info) => (info.rejected ?? []).length === 0,
              () => new DeliveryError({ reason: new Rejected({}) })
            )
          )

        const send = Effect.fn("EmailTransport.send")(function* (email: Email) {
          if (outbox === undefined) return yield* Effect.asVoid(submit(email))
          if (yield* Effect.mapError(outbox.has(fileOf(email)), outboxError)) return
          yield* submit(email)
          const bytes = yield* compose(email)
          yield* outbox.write(fileOf(email), bytes).pipe(
            Effect.catch((error) =>
              Effect.logWarning(`A sent message is not in the outbox: ${error.reason._tag}`)
            )
          )
        })
        return EmailTransport.of({ provider: "smtp", domain: host(from), send })
      })
    )

  /** SMTP when `SMTP_URL` is set (copies kept when `MAIL_OUTBOX` is true), the outbox in `dir` otherwise. */
  static readonly layer = (dir: string) =>
    Layer.unwrap(Effect.gen(function* () {
      const { keep, smtp } = yield* mailSettings
      return Option.isSome(smtp)
        ? EmailTransport.layerSmtp(keep ? { outboxDir: dir } : {})
        : EmailTransport.layerOutbox(dir)
    }))
}
