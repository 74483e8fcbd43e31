/** The documented bodies of flow 3 become scans; what they claim is kept and not believed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { fromDevice, fromScanService, InternalScanBody, ScanBody } from "../../src/gate/ScanBodies.ts"
import { QrData } from "../../src/trust/QrData.ts"
import { SigningKeys } from "../../src/trust/SigningKeys.ts"
import internal from "../fixtures/bodies/3-internal-scan-validation.request.json" with { type: "json" }
import device from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }

const operator = { operatorId: "operator-123", events: null, gates: null, known: true }
const circumstances = { eventId: 1, operator, scanId: "scan-1", trusted: new Map() }
const ticket = { id: 1, eventId: 1, timestamp: 1_750_000_000, code: "TKT-001-ABC123" }

const decodeDevice = Schema.decodeUnknownSync(ScanBody)
const decodeInternal = Schema.decodeUnknownSync(InternalScanBody)
const keysOf = Effect.flatMap(
  Layer.build(SigningKeys.layerMemory),
  (context) => Effect.provide(SigningKeys, context)
)

describe("a scan from a device", () => {
  it("is read from the documented body, unchanged", () => {
    const scan = fromDevice(decodeDevice(device), circumstances)
    assert.deepInclude(scan, {
      scanId: "scan-1",
      eventId: 1,
      ticketCode: "TKT-001-ABC123",
      ticketId: null,
      forged: null,
      deviceId: "scanner-uuid-12345",
      gate: "A",
      direction: "entry",
      claimed: "valid",
      source: "client"
    })
    assert.strictEqual(scan.deviceTime?.epochMilliseconds, Date.parse("2025-06-15T10:30:00Z"))
    assert.deepInclude(scan.context, {
      operator_id: "operator-123",
      section: "VIP",
      metadata: device.scan_metadata
    })
  })

  it("keeps its own id and direction", () => {
    const scan = fromDevice(decodeDevice({ ...device, scan_id: "own-1", direction: "exit" }), circumstances)
    assert.deepInclude(scan, { scanId: "own-1", direction: "exit" })
  })

  it("may carry any text a camera reads, in a form that can be stored", () => {
    const scan = fromDevice(
      decodeDevice({ ...device, ticket_code: "\u0000\ud800\n☃", scan_metadata: { "\u0000": ["\u0000"] } }),
      circumstances
    )
    assert.strictEqual(scan.ticketCode, "\ufffd\ufffd\n☃")
    assert.deepInclude(scan.context, { metadata: { "\ufffd": ["\ufffd"] } })
  })

  it.effect("may have the text of the QR in the place of the code", () =>
    Effect.gen(function* () {
      const keys = yield* keysOf
      const signed = QrData.sign(keys, ticket)
      const scan = (ticket_code: string) =>
        fromDevice(decodeDevice({ ...device, ticket_code }), { ...circumstances, trusted: keys.trusted })
      assert.deepInclude(scan(signed), { ticketCode: null, ticketId: 1, forged: null })
      assert.deepInclude(scan(`{"id":1}`), { ticketCode: null, ticketId: null, forged: "malformed" })
      assert.deepInclude(scan("TKT-001-ABC123"), {
        ticketCode: "TKT-001-ABC123",
        ticketId: null,
        forged: null
      })
    }).pipe(Effect.scoped))

  it.effect("is forged when its QR is not ours, and names the QR's ticket when it is", () =>
    Effect.gen(function* () {
      const keys = yield* keysOf
      const read = (qr_data: string) =>
        fromDevice(decodeDevice({ ...device, qr_data }), { ...circumstances, trusted: keys.trusted })
      const genuine = QrData.sign(keys, ticket)
      assert.deepInclude(read(genuine), { forged: null, ticketId: 1 })
      assert.deepInclude(read(genuine.replace(`"id":1`, `"id":2`)), { forged: "forged", ticketId: null })
      assert.deepInclude(read(`{"id":1,"eventId":1,"timestamp":5}`), { forged: "unsigned" })
    }).pipe(Effect.scoped))
})

describe("a scan from the scan service", () => {
  it("is read from the documented body, unchanged", () => {
    assert.deepInclude(fromScanService(decodeInternal(internal), circumstances), {
      scanId: "scan-1",
      eventId: 1,
      ticketId: 1,
      ticketCode: null,
      forged: null,
      deviceId: "scanner-uuid-12345",
      gate: "A",
      direction: "entry",
      source: "internal"
    })
  })

  it("is forged when the service doubts it", () => {
    const read = (changes: object) =>
      fromScanService(
        decodeInternal({ ...internal, validationMetadata: { ...internal.validationMetadata, ...changes } }),
        circumstances
      ).forged
    assert.strictEqual(read({ signature_valid: false }), "forged")
    assert.strictEqual(read({ timestamp_valid: false }), "timestamp")
    assert.strictEqual(read({ qr_decoded: false }), "malformed")
  })

  it("is malformed when the service read no ticket, whatever else it says", () => {
    const read = (changes: object) =>
      fromScanService(
        decodeInternal({
          ...internal,
          ticketId: null,
          validationMetadata: { ...internal.validationMetadata, ...changes }
        }),
        circumstances
      )
    assert.deepInclude(read({ qr_decoded: false, signature_valid: false }), {
      ticketId: null,
      forged: "malformed"
    })
    assert.deepInclude(read({}), { ticketId: null, forged: "malformed" })
  })

  it.effect("is forged when QR data sent along is of another ticket", () =>
    Effect.gen(function* () {
      const keys = yield* keysOf
      const read = (id: number) =>
        fromScanService(
          decodeInternal({ ...internal, qr_data: QrData.sign(keys, { ...ticket, id }) }),
          { ...circumstances, trusted: keys.trusted }
        ).forged
      assert.deepStrictEqual([read(1), read(2)], [null, "forged"])
      const unread = decodeInternal({ ...internal, ticketId: null, qr_data: QrData.sign(keys, ticket) })
      assert.deepInclude(fromScanService(unread, { ...circumstances, trusted: keys.trusted }), {
        ticketId: 1,
        forged: null
      })
    }).pipe(Effect.scoped))
})
