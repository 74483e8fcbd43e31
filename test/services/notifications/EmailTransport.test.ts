/**
 * E-mail against a real SMTP server on loopback, and against the outbox.
 * Guards whose removal turns this file red: what passes although it was refused for good, the second try of a message that
 * is too big, only for that and only where it has documents, what is shown in it and its calendar entry, TLS to another
 * host, `SMTP_CLEARTEXT` and loopback, that the mail client tries nothing again by itself, that it is said when a message
 * may have been taken, and only then, the outbox that knows a sent message.
 */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Layer, Logger } from "effect"
import { createServer, type Socket } from "node:net"
import { SMTPServer } from "smtp-server"
import { EmailTransport } from "../../../src/services/notifications/EmailTransport.ts"
import type { Email } from "../../../src/services/notifications/EmailTransport.ts"
import * as Mime from "./Mime.ts"

const email: Email = {
  messageId: "flow-1:step-2",
  to: "jean.dupont@example.com",
  subject: "Bienvenue à l’été !",
  text: "Bonjour Jean,\n",
  html: '<p>Bonjour Jean,</p><img src="cid:qr-code@guichet">',
  files: [
    {
      filename: "qr.png",
      contentType: "image/png",
      content: new Uint8Array([1, 2, 3]),
      cid: "qr-code@guichet"
    },
    { filename: "billet.pdf", contentType: "application/pdf", content: new Uint8Array(5000).fill(65) }
  ],
  unsubscribeUrl: "https://tickets.example.com/u/1?a=b"
}

interface Smtp {
  readonly url: string
  readonly received: Array<Buffer>
  /** How many messages it was sent, taken or not. */
  readonly sent: { count: number }
  readonly hangUp: () => void
  readonly server: SMTPServer
}

/**
 * A server that answers `code` and `said` to the recipient (0 accepts) and keeps what it accepted; one that hangs up does
 * so when it has all of a message.
 */
const smtp = (code = 0, said = "5.1.1 unknown", largest = Infinity, hangsUp = false) =>
  Effect.acquireRelease(
    Effect.callback<Smtp>(
      (resume) => {
        const received: Array<Buffer> = []
        const sent = { count: 0 }
        const sockets = new Set<Socket>()
        const hangUp = () => sockets.forEach((socket) => socket.destroy())
        const server = new SMTPServer({
          authOptional: true,
          disabledCommands: ["STARTTLS", "AUTH"],
          disableReverseLookup: true,
          onRcptTo: ({ address }, _session, done) =>
            done(
              code === 0 ? null : Object.assign(new Error(`${said} <${address}>`), { responseCode: code })
            ),
          onData: (stream, _session, done) => {
            const chunks: Array<Buffer> = []
            stream.on("data", (chunk: Buffer) => chunks.push(chunk))
            stream.on("end", () => {
              sent.count++
              if (hangsUp) return hangUp()
              const message = Buffer.concat(chunks)
              if (message.length > largest) {
                return done(Object.assign(new Error("5.3.4 message too big"), { responseCode: 552 }))
              }
              received.push(message)
              done()
            })
          }
        })
        server.server.on("connection", (socket: Socket) => sockets.add(socket))
        server.listen(0, "127.0.0.1", () => {
          const address = server.server.address()
          const port = typeof address === "object" && address !== null ? address.port : 0
          resume(Effect.succeed({ url: `smtp://127.0.0.1:${port}`, received, sent, hangUp, server }))
        })
      }
    ),
    ({ server }) => Effect.callback<void>((resume) => server.close(() => resume(Effect.void)))
  )

const sendOnce = (
  url: string,
  message: Email,
  outboxDir?: string,
  more: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const transport = yield* EmailTransport
    yield* transport.send(message)
    return transport.provider
  }).pipe(Effect.provide(
    EmailTransport.layerSmtp({ outboxDir }).pipe(
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({
        SMTP_URL: url,
        MAIL_FROM: "Les Nuits <billets@nuits.example>",
        ...more
      })))
    )
  ))

const outboxOnly = (dir: string) =>
  EmailTransport.layerOutbox(dir).pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))))

describe("e-mail", () => {
  it.live("arrives by SMTP with its subject, both texts, its files and a stable id", () =>
    Effect.gen(function* () {
      const { received, url } = yield* smtp()
      assert.strictEqual(yield* sendOnce(url, email), "smtp")
      assert.strictEqual(received.length, 1)
      const message = Mime.parse(received[0] ?? Buffer.alloc(0))
      assert.strictEqual(message.headers.subject, "Bienvenue à l’été !")
      assert.strictEqual(message.headers.to, "jean.dupont@example.com")
      assert.strictEqual(message.headers.from, "Les Nuits <billets@nuits.example>")
      assert.match(message.headers["message-id"] ?? "", /^<flow-1-step-2-[0-9a-f]{16}@nuits\.example>$/)
      assert.strictEqual(message.headers["list-unsubscribe"], "<https://tickets.example.com/u/1?a=b>")
      assert.strictEqual(message.headers["list-unsubscribe-post"], "List-Unsubscribe=One-Click")
      assert.strictEqual(Mime.leaf(message, "text/plain").body.toString("utf8").trim(), "Bonjour Jean,")
      assert.strictEqual(Mime.leaf(message, "text/html").body.toString("utf8"), email.html)
      assert.deepStrictEqual(Mime.leaf(message, "application/pdf").body, Buffer.alloc(5000, 65))
      assert.strictEqual(Mime.leaf(message, "image/png").headers["content-id"], "<qr-code@guichet>")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("refused with 550 is final, with 451 it may be tried again; neither error names the recipient", () =>
    Effect.gen(function* () {
      for (const [code, reason] of [[550, "Rejected"], [451, "Unreachable"]] as const) {
        const { url } = yield* smtp(code)
        const error = yield* Effect.flip(sendOnce(url, email))
        assert.strictEqual(error._tag, "DeliveryError")
        if (error._tag !== "DeliveryError") return
        assert.include(error.reason, { _tag: reason, code })
        assert.notInclude(JSON.stringify(error) + String(error), "jean.dupont")
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("refused for what passes may be tried again, whatever its reply code", () =>
    Effect.gen(function* () {
      const cases = [
        [550, "5.4.5 Daily user sending quota exceeded", "Unreachable"],
        [554, "5.7.0 Our system has detected trouble. Try again later", "Unreachable"],
        [552, "5.2.2 mailbox full", "Unreachable"],
        [552, "Requested mail action aborted: exceeded storage allocation", "Unreachable"],
        [550, "5.1.1 No such user here", "Rejected"],
        [554, "5.7.1 Message rejected as spam", "Rejected"],
        [550, "5.7.26 unauthenticated", "Rejected"]
      ] as const
      for (const [code, said, reason] of cases) {
        const { url } = yield* smtp(code, said)
        const error = yield* Effect.flip(sendOnce(url, email))
        assert.deepInclude(error, { _tag: "DeliveryError" })
        if (error._tag === "DeliveryError") assert.strictEqual(error.reason._tag, reason, said)
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("that is too big goes once more without its documents", () =>
    Effect.gen(function* () {
      const { received, sent, url } = yield* smtp(0, "", 4_000)
      const calendar = { filename: "event.ics", contentType: "text/calendar", content: new Uint8Array([66]) }
      yield* sendOnce(url, { ...email, files: [...email.files, calendar] })
      assert.deepStrictEqual([sent.count, received.length], [2, 1])
      const message = Mime.parse(received[0] ?? Buffer.alloc(0))
      assert.notInclude(received[0]?.toString() ?? "", "billet.pdf")
      assert.strictEqual(Mime.leaf(message, "image/png").headers["content-id"], "<qr-code@guichet>")
      assert.strictEqual(Mime.leaf(message, "text/calendar").body.toString(), "B")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("that is too big without documents, or refused for another reason, is sent once", () =>
    Effect.gen(function* () {
      const small = yield* smtp(0, "", 10)
      const error = yield* Effect.flip(sendOnce(small.url, { ...email, files: email.files.slice(0, 1) }))
      assert.deepInclude(error, { _tag: "DeliveryError" })
      if (error._tag === "DeliveryError") assert.strictEqual(error.reason._tag, "Rejected")
      assert.strictEqual(small.sent.count, 1)
      let asked = 0
      const spam = yield* smtp(554, "5.7.1 spam")
      spam.server.onRcptTo = (_address, _session, done) => {
        asked++
        done(Object.assign(new Error("5.7.1 spam"), { responseCode: 554 }))
      }
      yield* Effect.flip(sendOnce(spam.url, email))
      assert.strictEqual(asked, 1)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("has no line of more than 998 octets, whatever it is made of", () =>
    Effect.gen(function* () {
      const { received, url } = yield* smtp()
      const letters = ["a", "é", "漢", "🎟", "a b", "-", "%", '"', "é "]
      for (const [at, letter] of letters.entries()) {
        const long = (octets: number) => letter.repeat(Math.floor(octets / letter.length))
        yield* sendOnce(url, {
          ...email,
          messageId: `${at}.${"m".repeat(120)}`,
          to: `${"t".repeat(64)}@${"d".repeat(60)}.${"e".repeat(60)}.example`,
          subject: long(300),
          text: long(5_000),
          html: `<p>${long(5_000)}</p>`,
          files: [{
            filename: `${long(140).replaceAll('"', "_")}.pdf`,
            contentType: "application/pdf",
            content: new Uint8Array(9_000)
          }],
          unsubscribeUrl: `https://tickets.example/u/${long(1_900).replaceAll(" ", "")}`
        })
      }
      assert.strictEqual(received.length, letters.length)
      for (const message of received) {
        const lines = message.toString("latin1").split("\r\n")
        assert.isAtMost(Math.max(...lines.map((line) => line.length)), 998)
      }
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("may have been taken by a server that hung up when it had all of it", () =>
    Effect.gen(function* () {
      const said: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void said.push(String(message)))])
      const { sent, url } = yield* smtp(0, "", Infinity, true)
      const error = yield* Effect.flip(Effect.provide(sendOnce(url, email), logger))
      assert.deepInclude(error, { _tag: "DeliveryError" })
      if (error._tag === "DeliveryError") assert.strictEqual(error.reason._tag, "Unreachable")
      assert.strictEqual(sent.count, 1)
      assert.strictEqual(said.filter((line) => line.includes("may have been taken")).length, 1)
      said.length = 0
      const early = yield* smtp()
      early.server.onRcptTo = () => early.hangUp()
      yield* Effect.flip(Effect.provide(sendOnce(early.url, email), logger))
      const refusing = yield* smtp(0, "", 10)
      yield* Effect.flip(Effect.provide(sendOnce(refusing.url, { ...email, files: [] }), logger))
      assert.deepStrictEqual(said, [])
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("is tried by whoever keeps it, and not by the client, where a server hangs up at once", () =>
    Effect.gen(function* () {
      let connections = 0
      const server = createServer((socket) => {
        connections++
        socket.on("error", () => {}).end()
      })
      const port = yield* Effect.acquireRelease(
        Effect.callback<number>((resume) => {
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
          })
        }),
        () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const error = yield* Effect.flip(sendOnce(`smtp://127.0.0.1:${port}`, email))
      assert.deepInclude(error, { _tag: "DeliveryError" })
      if (error._tag === "DeliveryError") assert.strictEqual(error.reason._tag, "Unreachable")
      assert.strictEqual(connections, 1)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("goes in clear to another host only by who asks for it", () =>
    Effect.gen(function* () {
      const { received, server } = yield* smtp()
      const address = server.server.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      // The same server, by an address of this machine that is not one of the loopback interface.
      const url = `smtp://guichet:secret@0.0.0.0:${port}`
      const error = yield* Effect.flip(sendOnce(url, email))
      assert.strictEqual(error._tag, "DeliveryError")
      assert.deepStrictEqual(received, [])
      const open = `smtp://0.0.0.0:${port}`
      yield* sendOnce(open, email, undefined, { SMTP_CLEARTEXT: "true" })
      assert.strictEqual(received.length, 1)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("may be tried again when nobody listens", () =>
    Effect.gen(function* () {
      const { url } = yield* Effect.scoped(smtp())
      const error = yield* Effect.flip(sendOnce(url, email))
      assert.deepInclude(error, { _tag: "DeliveryError" })
      if (error._tag === "DeliveryError") assert.strictEqual(error.reason._tag, "Unreachable")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("kept in the outbox is not sent a second time, even by another process", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dir = yield* fs.makeTempDirectoryScoped()
      const { received, url } = yield* smtp()
      yield* sendOnce(url, email, dir)
      yield* sendOnce(url, email, dir)
      assert.strictEqual(received.length, 1)
      assert.strictEqual((yield* fs.readDirectory(`${dir}/outbox`)).length, 1)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("lands in the outbox as one readable .eml a message id, whole or not at all", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const dir = yield* fs.makeTempDirectoryScoped()
      yield* Effect.gen(function* () {
        const transport = yield* EmailTransport
        const ids = ["m1", "m1", "m1", "../../etc/passwd", "m:2", "m;2"]
        yield* Effect.forEach(ids, (messageId) => transport.send({ ...email, messageId }), {
          concurrency: "unbounded"
        })
        yield* transport.send({ ...email, messageId: "m1", subject: "Autre" })
      }).pipe(Effect.provide(outboxOnly(dir)))
      const files = yield* fs.readDirectory(`${dir}/outbox`)
      assert.strictEqual(files.length, 4)
      for (const file of files) assert.match(file, /^[A-Za-z0-9_-]+\.eml$/)
      const message = Mime.parse(yield* fs.readFile(`${dir}/outbox/m1.eml`))
      assert.strictEqual(message.headers.subject, email.subject)
      assert.strictEqual(message.headers["message-id"], "<m1@guichet.invalid>")
      assert.deepStrictEqual(yield* fs.readDirectory(dir), ["outbox"])
    }).pipe(Effect.provide(NodeServices.layer)))
})
