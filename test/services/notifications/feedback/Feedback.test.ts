/**
 * Reports of bounces and complaints, as each provider sends them, and as anybody else would like to.
 * Guards whose removal turns this file red: each signature, its time, the topic, the address and the dates of the certificate,
 * one request for it and four at once, the hour of a message of SNS, the host of the confirmation, what is no bounce for good,
 * the digest in the envelope's sender.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Latch, Queue, Redacted } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { createHmac, sign } from "node:crypto"
import { readFileSync } from "node:fs"
import type { Reader } from "../../../../src/services/notifications/feedback/Feedback.ts"
import * as Mailgun from "../../../../src/services/notifications/feedback/Mailgun.ts"
import * as Plain from "../../../../src/services/notifications/feedback/Plain.ts"
import * as Postmark from "../../../../src/services/notifications/feedback/Postmark.ts"
import * as Ses from "../../../../src/services/notifications/feedback/Ses.ts"
import { stripeHeader } from "../../../../src/trust/StripeHeader.ts"

const fixture = (name: string) =>
  readFileSync(new URL(`../../../fixtures/sns/${name}`, import.meta.url), "utf8")
const key = fixture("key.pem")
const certificate = fixture("certificate.pem")

const bytes = (body: unknown) =>
  new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body))

/** What a reader makes of a report, or that it is refused. */
const read = (reader: Reader, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  Effect.map(
    Effect.exit(reader(bytes(body), headers)),
    (exit) =>
      Exit.isSuccess(exit)
        ? exit.value
        : JSON.stringify(exit.cause).includes("ProviderAway")
        ? "away"
        : "refused"
  )

const digest = "0123456789abcdef0123456789abcdef"
const sender = `bounces+${digest}@mail.example`
const about = { address: "ana@example.com", message: digest }

const topic = "arn:aws:sns:eu-west-1:123456789012:bounces"
const certUrl = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"

type Sns = Readonly<Record<string, string>>

const signedFields = (message: Sns) =>
  message["Type"] === "Notification"
    ? ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    : ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]

const signed = (message: Sns): Sns => ({
  ...message,
  Signature: sign(
    message["SignatureVersion"] === "1" ? "RSA-SHA1" : "RSA-SHA256",
    Buffer.from(
      signedFields(message).flatMap((name) =>
        message[name] === undefined ? [] : [`${name}\n${message[name]}\n`]
      ).join("")
    ),
    key
  ).toString("base64")
})

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()

const notification = (report: unknown, change: Sns = {}): Sns => ({
  Type: "Notification",
  MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  TopicArn: topic,
  Message: JSON.stringify(report),
  Timestamp: minutesAgo(0),
  SignatureVersion: "2",
  SigningCertURL: certUrl,
  ...change
})

const bounce = (bounceType: string) => ({
  notificationType: "Bounce",
  bounce: {
    bounceType,
    bouncedRecipients: [{
      emailAddress: "ana@example.com",
      status: "5.1.1",
      diagnosticCode: "smtp; 550 5.1.1 unknown"
    }]
  },
  mail: { source: sender, messageId: "0100017" }
})

/** SNS as a client sees it, and what was asked of it. */
const amazon = () => {
  const asked: Array<string> = []
  const client = HttpClient.make((request) => {
    asked.push(request.url)
    const body = request.url.includes("Confirm")
      ? "<ok/>"
      : request.url.includes("-dead")
      ? undefined
      : certificate
    return Effect.succeed(
      HttpClientResponse.fromWeb(
        request,
        body === undefined ? new Response("", { status: 503 }) : new Response(body)
      )
    )
  })
  return Effect.map(Ses.reader(topic, client), (reader) => ({ asked, reader }))
}

/** SNS that answers when it is told to, and how many requests it had at once. */
const slowAmazon = Effect.gen(function* () {
  const asked: Array<string> = []
  const opened = yield* Latch.make(false)
  const came = yield* Queue.unbounded<string>()
  const client = HttpClient.make((request) =>
    Effect.sync(() => asked.push(request.url)).pipe(
      Effect.andThen(Queue.offer(came, request.url)),
      Effect.andThen(opened.await),
      Effect.as(HttpClientResponse.fromWeb(request, new Response(certificate)))
    )
  )
  return { asked, came, opened, reader: yield* Ses.reader(topic, client) }
})

describe("Amazon SES", () => {
  it.live("is believed what SNS signed for the topic, in either version of its signature", () =>
    Effect.gen(function* () {
      for (const SignatureVersion of ["1", "2"]) {
        const { asked, reader } = yield* amazon()
        for (let times = 0; times < 2; times++) {
          assert.deepStrictEqual(
            yield* read(
              reader,
              signed(notification(bounce("Permanent"), { SignatureVersion, Subject: "Amazon SES" }))
            ),
            [{ ...about, reason: "hard_bounce", detail: "5.1.1 smtp; 550 5.1.1 unknown" }]
          )
        }
        assert.deepStrictEqual(asked, [certUrl])
        assert.deepStrictEqual(
          yield* read(reader, signed(notification(bounce("Transient"), { SignatureVersion }))),
          []
        )
        assert.deepStrictEqual(
          yield* read(
            reader,
            signed(notification({
              eventType: "Complaint",
              complaint: {
                complainedRecipients: [{ emailAddress: "Ana <ana@example.com>" }],
                complaintFeedbackType: "abuse"
              },
              mail: { source: sender }
            }, { SignatureVersion }))
          ),
          [{ ...about, reason: "complaint", detail: "abuse" }]
        )
        assert.deepStrictEqual(yield* read(reader, signed(notification("Hello"))), [])
      }
    }))

  it.live("is believed nothing else", () =>
    Effect.gen(function* () {
      const good = notification(bounce("Permanent"))
      const { asked, reader } = yield* amazon()
      const refused = [
        { ...signed(good), Message: JSON.stringify(bounce("Transient")) },
        { ...signed(good), Subject: "more" },
        { ...signed(good), Signature: "AAAA" },
        signed({ ...good, TopicArn: topic.replace("bounces", "others") }),
        signed({ ...good, SignatureVersion: "3" }),
        ...[
          "http://sns.eu-west-1.amazonaws.com/a.pem",
          "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
          "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
          "https://s3.eu-west-1.amazonaws.com/a.pem",
          "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
          "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
          "https://a.sns.eu-west-1.amazonaws.com/a.pem",
          "https://sns.eu-west-1.amazonaws.com/a.txt",
          "not an address"
        ].map((SigningCertURL) => signed({ ...good, SigningCertURL })),
        "{",
        "[]",
        "null"
      ]
      for (const body of refused) {
        assert.strictEqual(yield* read(reader, body), "refused", JSON.stringify(body))
      }
      assert.deepStrictEqual([...new Set(asked)], [certUrl])
      const away = signed({ ...good, SigningCertURL: certUrl.replace("-1.pem", "-dead.pem") })
      assert.strictEqual(yield* read(reader, away), "away")
      const old = Effect.provideService(read((yield* amazon()).reader, signed(good)), Clock.Clock, {
        ...yield* Clock.Clock,
        currentTimeMillis: Effect.succeed(Date.UTC(2001, 1))
      })
      assert.strictEqual(yield* old, "refused")
    }))

  it.live("is asked for a certificate at one spelling of one address alone", () =>
    Effect.gen(function* () {
      const good = notification(bounce("Permanent"))
      const { asked, reader } = yield* amazon()
      const spellings = ["?", "?a=1", "#", "#a", "/", "%00", "\t", "\n", " ", "\\", ";a", ".pem"]
        .map((end) => certUrl + end)
        .concat(["\t", " ", "\n"].map((begin) => begin + certUrl))
        .concat(["/./Simple", "//Simple", "/a/../Simple", "/%53imple", "/simple", "\\Simple", "/a/Simple"]
          .map((path) => certUrl.replace("/Simple", path)))
        .concat(
          ["-1g.", "-.", "-A.", "-1-1.", `-${"a".repeat(65)}.`].map((name) =>
            certUrl.replace("-1.pem", `${name}pem`)
          )
        )
        .concat([":443", ":", "."].map((end) => certUrl.replace(".com", `.com${end}`)))
        .concat(
          certUrl.replace("https", "HTTPS"),
          certUrl.replace("sns", "SNS"),
          certUrl.replace("//", "//a@")
        )
      for (const SigningCertURL of spellings) {
        assert.strictEqual(
          yield* read(reader, signed({ ...good, SigningCertURL })),
          "refused",
          JSON.stringify(SigningCertURL)
        )
      }
      assert.deepStrictEqual(asked, [])
    }))

  it.live("is believed for an hour, as long as SNS sends a message again", () =>
    Effect.gen(function* () {
      const { reader } = yield* amazon()
      const at = (Timestamp: string) => read(reader, signed(notification(bounce("Permanent"), { Timestamp })))
      for (const minutes of [-1, 0, 1, 30, 59]) assert.lengthOf(yield* at(minutesAgo(minutes)), 1)
      for (const minutes of [-61, 61, 120, 1_440, 525_600]) {
        assert.strictEqual(yield* at(minutesAgo(minutes)), "refused", String(minutes))
      }
      for (const text of ["", "yesterday", "NaN", "9".repeat(40)]) {
        assert.strictEqual(yield* at(text), "refused")
      }
    }))

  it.live("is asked once for each certificate, however many messages wait for it, and for few at once", () =>
    Effect.gen(function* () {
      const { asked, came, opened, reader } = yield* slowAmazon
      const sent = (nth: number) =>
        read(
          reader,
          signed(notification(bounce("Permanent"), {
            SigningCertURL: certUrl.replace("-1.pem", `-${nth.toString(16)}.pem`)
          }))
        )
      const same = yield* Effect.forkChild(Effect.all(Array.from({ length: 50 }, () => sent(1)), {
        concurrency: "unbounded"
      }))
      yield* Queue.take(came)
      const others = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 3 }, (_, nth) => sent(nth + 2)), { concurrency: "unbounded" })
      )
      yield* Queue.takeN(came, 3)
      for (let nth = 5; nth < 40; nth++) assert.strictEqual(yield* sent(nth), "away")
      assert.lengthOf(asked, 4)
      yield* opened.open
      for (const answer of [...yield* Fiber.join(same), ...yield* Fiber.join(others)]) {
        assert.lengthOf(answer, 1)
      }
      assert.lengthOf(asked, 4)
      assert.lengthOf(yield* sent(5), 1)
      assert.lengthOf(asked, 5)
    }))

  it.live("has its subscription confirmed at an address of SNS alone", () =>
    Effect.gen(function* () {
      const confirmation = (SubscribeURL: string) =>
        signed(notification("x", { Type: "SubscriptionConfirmation", Token: "t", SubscribeURL }))
      const { asked, reader } = yield* amazon()
      const url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
      assert.deepStrictEqual(yield* read(reader, confirmation(url)), [])
      assert.deepStrictEqual(asked, [certUrl, url])
      for (const wrong of ["https://evil.example/?ConfirmSubscription", "http://169.254.169.254/Confirm"]) {
        assert.strictEqual(yield* read(reader, confirmation(wrong)), "refused")
      }
      assert.lengthOf(asked, 2)
    }))
})

describe("Mailgun", () => {
  const reader = Mailgun.reader(Redacted.make("key-1"))
  const body = (event: object, secret = "key-1", seconds = Math.floor(Date.now() / 1_000)) => ({
    signature: {
      timestamp: String(seconds),
      token: "abc",
      signature: createHmac("sha256", secret).update(`${seconds}abc`).digest("hex")
    },
    "event-data": { recipient: "ana@example.com", envelope: { sender }, ...event }
  })

  it.live("is believed what it signed lately", () =>
    Effect.gen(function* () {
      const failed = {
        event: "failed",
        severity: "permanent",
        "delivery-status": { code: 550, message: "No such user" }
      }
      assert.deepStrictEqual(yield* read(reader, body(failed)), [
        { ...about, reason: "hard_bounce", detail: "550 No such user" }
      ])
      assert.deepStrictEqual(yield* read(reader, body({ event: "complained" })), [
        { ...about, reason: "complaint", detail: null }
      ])
      assert.deepInclude((yield* read(reader, body({ event: "unsubscribed" })))[0] as object, {
        reason: "unsubscribed"
      })
      for (
        const event of [{ event: "failed", severity: "temporary" }, { event: "delivered" }, {
          event: "opened"
        }]
      ) {
        assert.deepStrictEqual(yield* read(reader, body(event)), [])
      }
      const day = Math.floor(Date.now() / 1_000) - 86_400
      for (
        const wrong of [
          body(failed, "key-2"),
          body(failed, "key-1", day),
          { ...body(failed), signature: {} },
          "{}",
          "x"
        ]
      ) {
        assert.strictEqual(yield* read(reader, wrong), "refused")
      }
    }))
})

describe("Postmark", () => {
  const reader = Postmark.reader(Redacted.make("user:password"))
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` })
  const known = basic("user:password")

  it.live("is believed under its user and password", () =>
    Effect.gen(function* () {
      const bounced = {
        RecordType: "Bounce",
        Type: "HardBounce",
        Email: "ana@example.com",
        Details: "unknown",
        From: sender
      }
      assert.deepStrictEqual(yield* read(reader, bounced, known), [
        { ...about, reason: "hard_bounce", detail: "HardBounce unknown" }
      ])
      const metadata = {
        ...bounced,
        From: "billets@nuits.example",
        Metadata: { message: "flow_1.welcome.1.email" }
      }
      assert.deepInclude((yield* read(reader, metadata, known))[0] as object, {
        message: "flow_1.welcome.1.email"
      })
      const reasons = [
        [{ ...bounced, RecordType: "SpamComplaint" }, "complaint"],
        [{
          RecordType: "SubscriptionChange",
          Recipient: "ana@example.com",
          SuppressSending: true,
          SuppressionReason: "ManualSuppression"
        }, "unsubscribed"]
      ] as const
      for (const [body, reason] of reasons) {
        assert.deepInclude((yield* read(reader, body, known))[0] as object, { reason })
      }
      for (
        const body of [
          { ...bounced, Type: "SoftBounce" },
          { RecordType: "Delivery", Recipient: "ana@example.com" },
          { RecordType: "SubscriptionChange", Recipient: "ana@example.com", SuppressSending: false }
        ]
      ) {
        assert.deepStrictEqual(yield* read(reader, body, known), [])
      }
      for (const headers of [{}, basic("user:passwort"), basic("user"), { authorization: "user:password" }]) {
        assert.strictEqual(yield* read(reader, bounced, headers), "refused")
      }
    }))
})

describe("a mail server of one's own", () => {
  const secret = Redacted.make("a secret of ours")
  const reader = Plain.reader(secret)
  const header = (body: unknown, seconds = Math.floor(Date.now() / 1_000), by = secret) => ({
    [Plain.plainSignatureHeader]: stripeHeader(by, seconds, bytes(body))
  })

  it.live("is believed what it signed now", () =>
    Effect.gen(function* () {
      const event = { reason: "hard_bounce", address: "ana@example.com", sender, detail: "550\r\n5.1.1" }
      assert.deepStrictEqual(yield* read(reader, event, header(event)), [
        { ...about, reason: "hard_bounce", detail: "550 5.1.1" }
      ])
      const many = { events: [event, { ...event, message: "flow_1.welcome.1.email" }] }
      assert.lengthOf(yield* read(reader, many, header(many)), 2)
      const old = Math.floor(Date.now() / 1_000) - 3_600
      for (
        const [body, headers] of [
          [event, {}],
          [event, header(many)],
          [event, header(event, old)],
          [event, header(event, undefined, Redacted.make("another secret"))],
          [{ ...event, reason: "manual" }, header({ ...event, reason: "manual" })],
          ["{", header("{")]
        ] as const
      ) assert.strictEqual(yield* read(reader, body, headers), "refused", JSON.stringify(body))
    }))
})
