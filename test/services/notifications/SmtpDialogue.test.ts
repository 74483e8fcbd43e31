/**
 * What becomes of a message by what a mail server says, and when: reply patterns × the points of the dialogue × both
 * languages, with a real socket.
 * Guards whose removal turns this file red: each pattern of `SmtpReply.ts`, the status that stands for itself whatever the
 * words are, the second try of a message that is too big, `maxRequeues`, the mark of a message that may have been taken.
 */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { createHash, generateKeyPairSync, verify } from "node:crypto"
import { EmailTransport } from "../../../src/services/notifications/EmailTransport.ts"
import { Templates } from "../../../src/services/notifications/Templates.ts"
import * as Variables from "../../../src/services/notifications/templates/Variables.ts"
import { type Point, points, type SmtpPeer, smtpPeer } from "../../support/SmtpPeer.ts"
import * as Mime from "./Mime.ts"

type Fate = "passes" | "final" | "too big"

/** What servers say, as they say it: whole replies, some in several lines, some that name the recipient or an address. */
const patterns: ReadonlyArray<readonly [Fate, ReadonlyArray<string>]> = [
  ["passes", ["421 4.3.2 Service shutting down"]],
  ["passes", ["450 4.2.1 Greylisted, come back in five minutes"]],
  ["passes", ["451 4.7.500 Server busy"]],
  ["passes", ["452 Too many recipients"]],
  ["passes", ["450 4.1.1 Recipient not verified yet"]],
  ["passes", ["550 5.4.5 Daily user sending quota exceeded"]],
  ["passes", [
    "550-5.4.5 Daily user sending limit exceeded. For more",
    "550 5.4.5 information see help.example"
  ]],
  ["passes", ["554 5.7.0 Our system has detected something. Try again later"]],
  ["passes", ["552 5.2.2 mailbox full"]],
  ["passes", ["550 5.2.2 <ana.quota@example.com>: over the limit"]],
  ["passes", ["552 Requested mail action aborted: exceeded storage allocation"]],
  ["passes", ["554 5.4.7 Delivery expired"]],
  ["passes", ["550 Temporarily rejected"]],
  ["passes", ["550 You have exceeded your rate limit"]],
  ["passes", ["550 5.2.122 The recipient has exceeded their limit, please try it again"]],
  ["final", ["550 5.1.1 No such user"]],
  ["final", ["550 5.1.1 <quota@example.com>: no such user"]],
  ["final", ["550-5.1.1 The account that you tried to reach does not exist. Please try", "550 5.1.1 again"]],
  ["final", ["550 5.1.1 No such user here; check the address and try again"]],
  ["final", ["550 #5.1.0 Address rejected"]],
  ["final", ["550 5.2.1 The mailbox is disabled"]],
  ["final", ["550 5.1.10 RESOLVER.ADR.RecipientNotFound"]],
  ["final", ["553 5.1.3 Bad address syntax"]],
  ["final", ["550 No such user"]],
  ["final", ["551 User not local"]],
  ["final", ["554 5.7.1 Message rejected as spam"]],
  ["final", ["550 5.7.26 Unauthenticated mail is not accepted"]],
  ["final", ["554 5.7.1 Service unavailable; client host 5.4.3.2 is blocked"]],
  ["final", ["550 Blocked for 15.2.25.4"]],
  ["final", ["554 5.6.0 Bad content"]],
  ["too big", ["552 5.3.4 message too big"]],
  ["too big", ["554 5.3.4 Refused"]],
  ["too big", ["552 5.2.3 Refused"]],
  ["too big", ["552 Message size exceeds fixed maximum message size"]],
  ["too big", ["550-5.3.4 Your message exceeded the", "550 5.3.4 size that we take"]]
]

const documents = [
  { filename: "billet.pdf", contentType: "application/pdf", content: new Uint8Array(3_000).fill(65) },
  { filename: "qr.png", contentType: "image/png", content: new Uint8Array([1]), cid: "qr-code@guichet" }
]

const words = { fr: "Votre billet est prêt", en: "Your ticket is ready" } as const
const languages = ["fr", "en"] as const

const made = Effect.fnUntraced(function* (messageId: string, locale: (typeof languages)[number]) {
  const variables = yield* Variables.decode({
    locale,
    event_name: "Été à la plage",
    event_date: "2999-06-20T09:00:00Z"
  })
  const { calendar, ...email } = yield* (yield* Templates).email({
    templateId: "ticket_generated",
    subject: null,
    variables,
    attached: { qr: true, pdf: true }
  })
  return { ...email, messageId, to: "ana@example.com", files: [...documents, calendar!] }
})

/** Sends messages through one transport, as a process does. */
const through = <A, E>(peer: SmtpPeer, work: Effect.Effect<A, E, EmailTransport | Templates>) =>
  Effect.provide(
    work,
    Layer.merge(
      Templates.layer,
      EmailTransport.layerSmtp().pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
          SMTP_URL: peer.url,
          MAIL_FROM: "Les Nuits <billets@nuits.example>"
        }))),
        Layer.provide(NodeServices.layer)
      )
    )
  )

const outcome = (email: Effect.Success<ReturnType<typeof made>>) =>
  Effect.flatMap(EmailTransport, (transport) => transport.send(email)).pipe(
    Effect.match({
      onSuccess: () => "sent",
      onFailure: ({ reason }) => reason._tag === "Rejected" ? "final" : "passes"
    })
  )

/** What the peer took at last is the message in its language, with or without its document. */
const holds = (peer: SmtpPeer, locale: "fr" | "en", isWhole: boolean, what: string) => {
  const message = Mime.parse(Buffer.from(peer.taken.at(-1) ?? "", "latin1"))
  assert.include(Mime.leaf(message, "text/plain").body.toString("utf8"), words[locale], what)
  assert.strictEqual(
    message.leaves.some((leaf) => leaf.headers["content-type"]?.includes("pdf")),
    isWhole,
    what
  )
  assert.isDefined(Mime.leaf(message, "text/calendar"), what)
  assert.isDefined(Mime.leaf(message, "image/png"), what)
}

describe("a mail server that refuses", () => {
  for (const locale of languages) {
    for (const point of points) {
      it.live(`is understood at ${point}, of a message in ${locale}`, () =>
        Effect.gen(function* () {
          const peer = yield* smtpPeer
          yield* through(
            peer,
            Effect.gen(function* () {
              for (const [at, [fate, lines]] of patterns.entries()) {
                const what = `${lines.join(" / ")} at ${point}`
                let asked = 0
                peer.answer = (now: Point) => now === point && asked++ < 1 ? lines : undefined
                const email = yield* made(`message-${at}`, locale)
                const first = yield* outcome(email)
                assert.strictEqual(first, fate === "too big" ? "sent" : fate, what)
                assert.strictEqual(asked, fate === "too big" ? 2 : 1, what)
                if (first === "sent") holds(peer, locale, false, what)
                else {
                  const before = peer.taken.length
                  assert.strictEqual(yield* outcome(email), "sent", what)
                  assert.strictEqual(peer.taken.length, before + 1, what)
                  holds(peer, locale, true, what)
                }
              }
            })
          )
          const ids = peer.taken.map((mail) => /^Message-ID: <(message-\d+)@/im.exec(mail)?.[1])
          assert.deepStrictEqual(ids, patterns.map((_, at) => `message-${at}`))
        }))
    }
  }
})

describe("a mail server that hangs up", () => {
  for (const locale of languages) {
    for (const point of points) {
      it.live(`at ${point} leaves a message in ${locale} to be sent again, and in doubt only when it had all of it`, () =>
        Effect.gen(function* () {
          const peer = yield* smtpPeer
          yield* through(
            peer,
            Effect.gen(function* () {
              let asked = 0
              peer.answer = (now) => now === point && asked++ < 1 ? "cut" : undefined
              const email = yield* made("message-1", locale)
              const error = yield* Effect.flip((yield* EmailTransport).send(email))
              assert.strictEqual(error.reason._tag, "Unreachable")
              if (error.reason._tag !== "Unreachable") return
              assert.strictEqual(error.reason.inDoubt === true, point === "end", point)
              assert.strictEqual(peer.whole, point === "end" ? 1 : 0)
              assert.strictEqual(asked, 1)
              assert.strictEqual(yield* outcome(email), "sent")
              holds(peer, locale, true, point)
              assert.match(peer.taken[0] ?? "", /^Message-ID: <message-1@nuits\.example>\r$/im)
            })
          )
        }))
    }
  }
})

describe("a message whose bounces have an address", () => {
  it.live("is named by the sender of its envelope, and by nothing that its reader sees", () =>
    Effect.gen(function* () {
      const peer = yield* smtpPeer
      const email = yield* Effect.provide(made("flow_1.welcome.2.email", "fr"), Templates.layer)
      yield* Effect.flatMap(EmailTransport, (transport) => transport.send(email)).pipe(Effect.provide(
        EmailTransport.layerSmtp().pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
            SMTP_URL: peer.url,
            MAIL_FROM: "Les Nuits <billets@nuits.example>",
            MAIL_BOUNCES: "bounces@mail.example"
          }))),
          Layer.provide(NodeServices.layer)
        )
      ))
      const digest = createHash("md5").update("flow_1.welcome.2.email").digest("hex")
      assert.include(peer.commands, `MAIL FROM:<bounces+${digest}@mail.example>`)
      assert.include(peer.commands, "RCPT TO:<ana@example.com>")
      assert.include(peer.taken[0], "From: Les Nuits <billets@nuits.example>")
      assert.notInclude(peer.taken[0], digest)
    }))
})

/** Relaxed canonicalisation of a header and of a body (RFC 6376, 3.4.2 and 3.4.4). */
const relaxedHeader = (line: string) => {
  const colon = line.indexOf(":")
  const value = line.slice(colon + 1).replaceAll("\r\n", "").replace(/[ \t]+/g, " ").trim()
  return `${line.slice(0, colon).trim().toLowerCase()}:${value}`
}
const relaxedBody = (body: string) => {
  const text = body.replace(/[ \t]+(?=\r\n)/g, "").replace(/[ \t]+/g, " ").replace(/(\r\n)*$/, "")
  return text === "" ? "" : `${text}\r\n`
}

/** Whether a message's DKIM signature holds, as a receiver computes it; and which headers it signs. */
const dkimOf = (mail: string, publicKey: string) => {
  const at = mail.indexOf("\r\n\r\n")
  const headers = mail.slice(0, at).split(/\r\n(?![ \t])/)
  const own = headers.find((line) => /^dkim-signature:/i.test(line)) ?? ""
  const tags = Object.fromEntries(
    own.slice(own.indexOf(":") + 1).split(";").map((tag) => {
      const [name = "", ...value] = tag.split("=")
      return [name.trim(), value.join("=").replace(/\s+/g, "")]
    })
  )
  const names = (tags["h"] ?? "").toLowerCase().split(":")
  const rest = [...headers]
  const signed = names.flatMap((name) => {
    const found = rest.findLastIndex((line) => line.toLowerCase().startsWith(`${name}:`))
    return found < 0 ? [] : rest.splice(found, 1).map(relaxedHeader)
  })
  const text = [...signed, relaxedHeader(own.replace(/\bb=[^;]*/, "b="))].join("\r\n")
  return {
    tags,
    names,
    body:
      createHash("sha256").update(relaxedBody(mail.slice(at + 4)), "latin1").digest("base64") === tags["bh"],
    headers: verify(
      "RSA-SHA256",
      Buffer.from(text, "latin1"),
      publicKey,
      Buffer.from(tags["b"] ?? "", "base64")
    )
  }
}

describe("a message of an organiser", () => {
  it.live("bears its name and is signed for the sender's domain, its unsubscription too", () =>
    Effect.gen(function* () {
      const { privateKey, publicKey } = generateKeyPairSync("rsa", {
        modulusLength: 2048,
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
        publicKeyEncoding: { type: "spki", format: "pem" }
      })
      const peer = yield* smtpPeer
      const email = yield* Effect.provide(made("message-1", "fr"), Templates.layer)
      yield* Effect.flatMap(
        EmailTransport,
        (transport) =>
          transport.send({
            ...email,
            organizer: "Les Étés, SARL",
            unsubscribeUrl: "https://nuits.example/u/1"
          })
      ).pipe(
        Effect.provide(
          EmailTransport.layerSmtp().pipe(
            Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
              SMTP_URL: peer.url,
              MAIL_FROM: "Guichet <billets@nuits.example>",
              DKIM_PRIVATE_KEY: privateKey,
              DKIM_SELECTOR: "s1"
            }))),
            Layer.provide(NodeServices.layer)
          )
        )
      )
      const mail = (peer.taken[0] ?? "").replace(/\r\n\.\./g, "\r\n.")
      assert.strictEqual(
        Mime.parse(Buffer.from(mail, "latin1")).headers.from,
        "Les Étés, SARL <billets@nuits.example>"
      )
      const { body, headers, names, tags } = dkimOf(`${mail}\r\n`, publicKey)
      assert.deepInclude(tags, { d: "nuits.example", s: "s1" })
      assert.includeMembers(names, ["from", "to", "subject", "list-unsubscribe", "list-unsubscribe-post"])
      assert.deepStrictEqual([body, headers], [true, true])
      assert.isFalse(dkimOf(`${mail.replace("Subject:", "Subject: x")}\r\n`, publicKey).headers)
      assert.isFalse(dkimOf(`${mail.replace("/u/1", "/u/2")}\r\n`, publicKey).headers)
    }))
})
