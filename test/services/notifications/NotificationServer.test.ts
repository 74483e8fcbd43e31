/** The service as the core sees it: its own client over its own routes, in memory, with the outbox behind. */
import { NodeServices } from "@effect/platform-node"
import { assert, describe, layer } from "@effect/vitest"
import { ConfigProvider, Context, DateTime, Effect, FileSystem, Layer, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest, HttpServer } from "effect/http"
import { FileStore } from "../../../src/files/FileStore.ts"
import { toWebHandler } from "../../../src/http/ServerRules.ts"
import { DeliveryError, Rejected, Unreachable } from "../../../src/services/notifications/DeliveryError.ts"
import { EmailTransport } from "../../../src/services/notifications/EmailTransport.ts"
import { Notification } from "../../../src/services/notifications/NotificationApi.ts"
import { NotificationClient } from "../../../src/notifications/NotificationClient.ts"
import { NotificationServerLayer } from "../../../src/services/notifications/NotificationServer.ts"
import { CallingService } from "../../../src/trust/CallingService.ts"
import { ServiceAuth } from "../../../src/trust/ServiceAuth.ts"
import { SmsTransport } from "../../../src/services/notifications/SmsTransport.ts"
import { Templates } from "../../../src/services/notifications/Templates.ts"
import documented from "../../fixtures/bodies/5-notification-flow.to-notification-service.json" with {
  type: "json"
}
import { codesReadBy } from "../../support/QrReader.ts"
import * as Mime from "./Mime.ts"

/** The service's door: raw requests, and the folder its messages land in. */
class Door extends Context.Service<Door, {
  readonly fetch: (request: Request) => Promise<Response>
  readonly dir: string
  readonly handed: Array<string>
}>()("test/NotificationDoor") {}

/** Believes whoever calls: signatures have tests of their own. */
const trusting = Layer.succeed(
  ServiceAuth,
  ServiceAuth.of((answer) => Effect.provideService(answer, CallingService, { name: "event-planner-core" }))
)

/** Fails by the recipient's name, and writes the others to the outbox; notes every message it is handed. */
const moody = (handed: Array<string>) =>
  Layer.effect(
    EmailTransport,
    Effect.gen(function* () {
      const outbox = yield* EmailTransport
      return EmailTransport.of({
        provider: outbox.provider,
        domain: outbox.domain,
        send: Effect.fnUntraced(function* (email) {
          handed.push(email.messageId)
          if (email.to.startsWith("gone@")) {
            return yield* new DeliveryError({ reason: new Rejected({ code: 550 }) })
          }
          if (email.to.startsWith("busy@")) {
            return yield* new DeliveryError({ reason: new Unreachable({ code: 451 }) })
          }
          return yield* outbox.send(email)
        })
      })
    })
  )

const door = Layer.unwrap(Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const dir = yield* fs.makeTempDirectoryScoped()
  const handed: Array<string> = []
  const transports = Layer.merge(
    moody(handed).pipe(Layer.provide(EmailTransport.layerOutbox(dir))),
    SmsTransport.layerOutbox(dir)
  ).pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))))
  return Layer.effect(
    Door,
    Effect.map(
      toWebHandler(Layer.provide(NotificationServerLayer, trusting)),
      (fetch) => Door.of({ fetch, dir, handed })
    )
  ).pipe(Layer.provide([transports, Templates.layer, HttpServer.layerServices]))
}))

const client = Layer.unwrap(Effect.gen(function* () {
  const { fetch } = yield* Door
  const local: typeof globalThis.fetch = (input, init) => fetch(new Request(input, init))
  const toService = Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.mapRequest(HttpClientRequest.prependUrl("http://localhost:3002"))
    )
  )
  return NotificationClient.layer.pipe(
    Layer.provide(toService),
    Layer.provide(FetchHttpClient.layer),
    Layer.provide(Layer.succeed(FetchHttpClient.Fetch, local))
  )
}))

const Service = client.pipe(
  Layer.provideMerge(door),
  Layer.provideMerge(FileStore.layerMemory),
  Layer.provideMerge(NodeServices.layer)
)

const body = Schema.decodeUnknownSync(Notification)(documented)

const post = Effect.fnUntraced(
  function* (payload: unknown, headers: Record<string, string> = { "x-request-id": "req_1" }) {
    const { fetch } = yield* Door
    const response = yield* Effect.promise(() =>
      fetch(
        new Request("http://localhost/api/notifications/send", {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify(payload)
        })
      )
    )
    const answer: Record<string, unknown> = yield* Effect.promise(() => response.json())
    return { response, answer }
  }
)

const read = Effect.fnUntraced(function* (file: string) {
  const fs = yield* FileSystem.FileSystem
  return yield* fs.readFile(`${(yield* Door).dir}/outbox/${file}`)
})

describe("the notification service", () => {
  layer(Service)((it) => {
    it.effect("takes the documented body as it is", () =>
      Effect.gen(function* () {
        const { answer, response } = yield* post(documented, { "x-request-id": "req_documented" })
        assert.strictEqual(response.status, 200)
        assert.deepStrictEqual(answer, {
          message_id: "req_documented",
          channel: "email",
          status: "sent",
          provider: "outbox"
        })
        const message = Mime.parse(yield* read("req_documented.eml"))
        assert.strictEqual(message.headers.subject, "Bienvenue sur Event Planner !")
        assert.strictEqual(message.headers.to, "jean.dupont@example.com")
        assert.include(Mime.leaf(message, "text/plain").body.toString("utf8"), "Tech Conference 2025")
      }))

    it.effect("sends a phone number a text, and says what it costs", () =>
      Effect.gen(function* () {
        const { send } = yield* NotificationClient
        const sent = yield* send("sms-1", { ...body, to: "+33612345678", template_id: "ticket_alert" })
        assert.deepStrictEqual(sent, {
          message_id: "sms-1",
          channel: "sms",
          status: "sent",
          provider: "outbox",
          segments: 1
        })
        const file = new TextDecoder().decode(yield* read("sms-1.sms.txt"))
        assert.match(
          file,
          /^To: \+33612345678\nDate: .*\nSegments: 1 \(GSM-7, \d+ units\)\n\nBillet disponible : /
        )
      }))

    it.effect("sends one message under one id, however often and however fast it is asked", () =>
      Effect.gen(function* () {
        const { send } = yield* NotificationClient
        const first = yield* Effect.all(Array.from({ length: 8 }, () => send("same:id", body)), {
          concurrency: "unbounded"
        })
        const again = yield* send("same:id", body)
        for (const sent of first) assert.deepStrictEqual(sent, again)
        const fs = yield* FileSystem.FileSystem
        const { dir, handed } = yield* Door
        const files = yield* fs.readDirectory(`${dir}/outbox`)
        assert.strictEqual(files.filter((name) => name.startsWith("same-id")).length, 1)
        assert.deepStrictEqual(handed.filter((id) => id === "same:id"), ["same:id"])
      }))

    it.effect("attaches the ticket's files and shows the QR inside the message", () =>
      Effect.gen(function* () {
        const { send } = yield* NotificationClient
        const store = yield* FileStore
        yield* store.put("tickets/1.pdf", new Uint8Array([37, 80]), "application/pdf")
        const attachments = [
          { filename: "billet.pdf", file_key: "tickets/1.pdf", content_type: "application/pdf" },
          { filename: "qr.png", qr_text: '{"id":1}', content_type: "image/png" }
        ]
        const variables = {
          ...body.variables,
          attachments,
          event_date: "2025-06-20T09:00:00Z",
          event_timezone: "Europe/Paris"
        }
        yield* send("with-files", { ...body, subject: null, template_id: "ticket_generated", variables })
        const message = Mime.parse(yield* read("with-files.eml"))
        assert.deepStrictEqual([...Mime.leaf(message, "application/pdf").body], [37, 80])
        const image = Mime.leaf(message, "image/png")
        assert.strictEqual(image.headers["content-id"], "<qr-code@guichet>")
        assert.deepStrictEqual(yield* Effect.promise(() => codesReadBy(image.body)), ['{"id":1}'])
        assert.include(Mime.leaf(message, "text/html").body.toString("utf8"), "cid:qr-code@guichet")
        assert.include(Mime.leaf(message, "text/calendar").body.toString("utf8"), "DTSTART:20250620T090000Z")

        const without = { ...variables, include_qr: false, include_pdf: false }
        yield* send("without-files", { ...body, template_id: "ticket_generated", variables: without })
        const bare = Mime.parse(yield* read("without-files.eml"))
        assert.isFalse(bare.leaves.some((leaf) => /pdf|png/.test(leaf.headers["content-type"] ?? "")))
      }))

    it.effect.each([
      { reason: "InvalidRecipient", change: { to: "jean@example.com\r\nBcc: all@example.com" } },
      { reason: "InvalidRecipient", change: { to: "+33123456789" } },
      { reason: "UnknownTemplate", change: { template_id: "nope" } },
      { reason: "DeliveryRefused", change: { to: "gone@example.com" } },
      { reason: "NotDueYet", change: { scheduled_at: DateTime.makeUnsafe("2100-01-01T00:00:00Z") } },
      { reason: "InvalidAttachment", change: { variables: { attachments: [{ filename: "a" }] } } },
      {
        reason: "InvalidAttachment",
        change: {
          variables: {
            attachments: [{ filename: "a.pdf", file_key: "no.pdf", content_type: "application/pdf" }]
          }
        }
      },
      {
        reason: "InvalidAttachment",
        change: {
          variables: {
            attachments: [{ filename: "qr.png", qr_text: "x".repeat(2_332), content_type: "image/png" }]
          }
        }
      }
    ])("calls $reason final: a retry would end the same", ({ change, reason }) =>
      Effect.gen(function* () {
        const { send } = yield* NotificationClient
        const error = yield* Effect.flip(send("refused", { ...body, ...change }))
        assert.deepInclude(error, { _tag: "Undeliverable", reason })
      }))

    it.effect("answers a final failure 422 and a passing one 503 with Retry-After, without naming the recipient", () =>
      Effect.gen(function* () {
        const gone = yield* post({ ...documented, to: "gone@example.com" })
        assert.strictEqual(gone.response.status, 422)
        assert.strictEqual(gone.response.headers.get("content-type"), "application/problem+json")
        assert.deepInclude(gone.answer, {
          type: "/problems/delivery-refused",
          final: true,
          response_code: 550
        })
        const busy = yield* post({ ...documented, to: "busy@example.com" })
        assert.strictEqual(busy.response.status, 503)
        assert.isNotNull(busy.response.headers.get("retry-after"))
        assert.deepInclude(busy.answer, {
          type: "/problems/delivery-delayed",
          final: false,
          retryable: true,
          response_code: 451
        })
        assert.notInclude(JSON.stringify([gone.answer, busy.answer]), "example.com")
        const { send } = yield* NotificationClient
        const error = yield* Effect.flip(send("busy", { ...body, to: "busy@example.com" }))
        assert.deepInclude(error, {
          _tag: "NotificationsUnavailable",
          reason: "DeliveryDelayed",
          response_code: 451
        })
      }))

    it.effect("tries a failed message again under its id", () =>
      Effect.gen(function* () {
        const { send } = yield* NotificationClient
        yield* Effect.flip(send("second-chance", { ...body, to: "busy@example.com" }))
        assert.strictEqual((yield* send("second-chance", body)).status, "sent")
      }))

    it.effect("sends what was due in the past, and needs a message id and a whole body", () =>
      Effect.gen(function* () {
        const late = yield* post({ ...documented, scheduled_at: "1969-12-31T00:00:00Z" }, {
          "x-request-id": "late"
        })
        assert.strictEqual(late.response.status, 200)
        assert.strictEqual((yield* post(documented, {})).response.status, 422)
        const { answer, response } = yield* post({ to: 1, variables: {} })
        assert.strictEqual(response.status, 422)
        assert.strictEqual(answer["type"], "/problems/invalid-request")
        assert.isAtLeast((answer["errors"] as ReadonlyArray<unknown>).length, 3)
      }))
  })
})
