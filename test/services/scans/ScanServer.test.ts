/**
 * The scan service between a scanner and the core.
 * Guards whose removal turns this file red: the signature check, the clock skew, the renewal of unknown
 * keys, the report of text that names no ticket.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { HttpBody, HttpClient, HttpClientResponse, HttpServer } from "effect/http"
import { ScanAnswer, type ShownVerdict } from "../../../src/gate/ScanAnswer.ts"
import { Loopback } from "../../../src/trust/Loopback.ts"
import { ScanServerLayer } from "../../../src/services/scans/ScanServer.ts"
import { ServiceTransport } from "../../../src/trust/ServiceTransport.ts"
import { QrData } from "../../../src/trust/QrData.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import documented from "../../fixtures/bodies/3-internal-scan-validation.request.json" with { type: "json" }
import { configuration, SecretsLayer } from "../../trust/ExampleServices.ts"

type Body = Omit<typeof documented, "ticketId"> & {
  readonly ticketId: number | null
  readonly direction?: string
  readonly timestamp?: string
}

const verdict = (scanId: string, body: Body): ShownVerdict => ({
  scan_id: scanId,
  result: body.validationMetadata.signature_valid ? "valid" : "forged",
  ticket_id: body.ticketId,
  event_id: body.eventId,
  gate: body.scanContext.location.gate,
  direction: "entry",
  guest_first_name: "Jean",
  ticket_type: "standard",
  first_use: null,
  last_use: null,
  timezone: "Europe/Paris",
  signals: [],
  decided_at: DateTime.makeUnsafe(0)
})

const encode = Schema.encodeSync(ScanAnswer)

/** A core that publishes these keys and remembers what it was asked. */
const makeCore = (published: () => SigningKeys["Service"]) => {
  const calls: Array<{ readonly id: string; readonly body: Body; readonly service: string | undefined }> = []
  const fetches: Array<string> = []
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      if (request.url === "http://localhost:3001/.well-known/guichet-keys.json") {
        fetches.push(request.url)
        return HttpClientResponse.fromWeb(request, Response.json(published().keySet))
      }
      assert.strictEqual(request.url, "http://localhost:3001/api/internal/scan-validation")
      assert.strictEqual(request.body._tag, "Uint8Array")
      const text = new TextDecoder().decode((request.body as HttpBody.Uint8Array).body)
      const body: Body = JSON.parse(text)
      const id = request.headers["x-request-id"] ?? ""
      calls.push({ id, body, service: request.headers["x-service-name"] })
      const answer = encode({ ...verdict(id, body), message: "", took_ms: 0 })
      return HttpClientResponse.fromWeb(request, Response.json(answer))
    })
  )
  return { calls, fetches, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const running = (core: ReturnType<typeof makeCore>) =>
  Loopback.serve("scans", ScanServerLayer.pipe(Layer.provide(HttpServer.layerServices))).pipe(
    Layer.provideMerge(ServiceTransport.layer),
    Layer.provide(core.layer),
    Layer.provideMerge(Loopback.layer),
    Layer.provideMerge(SecretsLayer),
    Layer.provide(configuration({})),
    Layer.orDie
  )

const scan = (qr_data: string, changes: object = {}) => ({
  qr_data,
  event_id: 1,
  scanner_id: "scanner-uuid-12345",
  operator_id: "operator-123",
  location: { gate: "A", section: "VIP", coordinates: { lat: 48.8566, lng: 2.3522 } },
  checkpoint_id: "checkpoint-A",
  ...changes
})

const post = Effect.fnUntraced(function* (id: string, body: object) {
  const client = (yield* ServiceTransport).client("scans", { as: "event-planner-core" })
  const response = yield* client.post("/scans/verify", {
    headers: { "x-request-id": id, "accept-language": "en" },
    body: HttpBody.jsonUnsafe(body)
  })
  assert.strictEqual(response.status, 200)
  return yield* HttpClientResponse.schemaBodyJson(ScanAnswer)(response)
}, Effect.orDie)

const keysOf = Effect.scoped(
  Effect.flatMap(
    Layer.build(Layer.fresh(SigningKeys.layerMemory)),
    (context) => Effect.provide(SigningKeys, context)
  )
)

const now = () => Math.floor(Date.now() / 1_000)

const ticket = (timestamp: number) => ({ id: 7, eventId: 1, timestamp, code: "TKT-001-ABC123" })

describe("the scan service", () => {
  it.live("sends the documented body, signed in its own name, under the scan's id", () =>
    Effect.gen(function* () {
      const keys = yield* keysOf
      const core = makeCore(() => keys)
      const answer = yield* Effect.provide(
        post("scan-1", scan(QrData.sign(keys, ticket(now())))),
        running(core)
      )
      assert.strictEqual(answer.result, "valid")
      assert.lengthOf(core.calls, 1)
      const { body, id, service } = core.calls[0]!
      assert.deepStrictEqual([id, service], ["scan-1", "scan-validation-service"])
      assert.deepStrictEqual(body, {
        ...documented,
        ticketId: 7,
        ticketType: null,
        userId: null
      } as never)
    }))

  it.live("adds the direction of an exit and the scanner's time, and nothing else", () =>
    Effect.gen(function* () {
      const keys = yield* keysOf
      const core = makeCore(() => keys)
      const body = scan(QrData.sign(keys, ticket(now())), {
        direction: "exit",
        timestamp: "2025-06-15T10:30:00Z"
      })
      yield* Effect.provide(post("scan-1", body), running(core))
      const { direction, timestamp, ...rest } = core.calls[0]!.body
      assert.deepStrictEqual([direction, timestamp], ["exit", "2025-06-15T10:30:00.000Z"])
      assert.deepStrictEqual(Object.keys(rest), Object.keys(documented))
    }))

  it.live("reports a QR that names a ticket and is not ours, so that the core stores the refusal", () =>
    Effect.gen(function* () {
      const [keys, stranger] = [yield* keysOf, yield* keysOf]
      const core = makeCore(() => keys)
      const forged = [
        QrData.sign(keys, ticket(now())).replace(`"id":7`, `"id":8`),
        QrData.sign({ ...stranger, kid: keys.kid }, ticket(now())),
        QrData.sign(stranger, ticket(now())),
        JSON.stringify({ id: 7, eventId: 1, timestamp: now() })
      ]
      yield* Effect.provide(
        Effect.gen(function* () {
          for (const text of forged) assert.strictEqual((yield* post("scan-1", scan(text))).result, "forged")
        }),
        running(core)
      )
      assert.deepStrictEqual(core.calls.map(({ body }) => body.validationMetadata.signature_valid), [
        false,
        false,
        false,
        false
      ])
      assert.deepStrictEqual(core.calls.map(({ body }) => body.ticketId), [8, 7, 7, 7])
    }))

  it.live("reports text that names no ticket too, so that the core stores the refusal", () =>
    Effect.gen(function* () {
      const keys = yield* keysOf
      const core = makeCore(() => keys)
      const texts = ["", "https://example.com", "[]", `{"id":"x"}`, "\u0000", "{".repeat(5_000)]
      yield* Effect.provide(
        Effect.gen(function* () {
          for (const text of texts) {
            const { result, ticket_id } = yield* post("scan-1", scan(text))
            assert.deepStrictEqual([result, ticket_id], ["forged", null])
          }
        }),
        running(core)
      )
      assert.deepStrictEqual(
        core.calls.map(({ body }) => [body.ticketId, body.validationMetadata]),
        texts.map(() => [null, {
          qr_decoded: false,
          signature_valid: false,
          timestamp_valid: false,
          scan_source: "mobile_app"
        }])
      )
    }))

  it.live("says when a ticket was issued in the future", () =>
    Effect.gen(function* () {
      const keys = yield* keysOf
      const core = makeCore(() => keys)
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* post("scan-1", scan(QrData.sign(keys, ticket(now() + 250))))
          yield* post("scan-2", scan(QrData.sign(keys, ticket(now() + 350))))
        }),
        running(core)
      )
      assert.deepStrictEqual(core.calls.map(({ body }) => body.validationMetadata.timestamp_valid), [
        true,
        false
      ])
    }))

  it.effect("fetches the keys once, again for a key that it does not know, and not too often", () =>
    Effect.gen(function* () {
      const [old, next, stranger] = [yield* keysOf, yield* keysOf, yield* keysOf]
      let keys = old
      const core = makeCore(() => keys)
      const valid = () => core.calls.at(-1)!.body.validationMetadata.signature_valid
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* post("scan-1", scan(QrData.sign(old, ticket(1))))
          yield* post("scan-2", scan(QrData.sign(old, ticket(1))))
          assert.deepStrictEqual([core.fetches.length, valid()], [1, true])
          keys = next
          yield* TestClock.adjust("11 seconds")
          yield* post("scan-3", scan(QrData.sign(next, ticket(1))))
          assert.deepStrictEqual([core.fetches.length, valid()], [2, true])
          yield* post("scan-4", scan(QrData.sign(stranger, ticket(1))))
          assert.deepStrictEqual([core.fetches.length, valid()], [2, false])
        }),
        running(core)
      )
    }))
})
