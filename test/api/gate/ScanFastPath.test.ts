/**
 * The fast path of a scan and the contract's way answer alike, over a socket: each request is sent once as it is and
 * once with an Idempotency-Key, which only the contract's way takes.
 * Guards whose removal turns this file red: the conditions of `isPlain`, the role of the caller, what becomes of a body
 * that is not plain, the request id of the scan, the bounds and the UTF-8 of its body, the bounds of its metadata.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as GateFixture from "../../support/GateFixture.ts"
import { mutations } from "../../support/Mutations.ts"
import { acquaint, operator, Port, scan } from "../../support/ScanPort.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Answer, TestApp } from "../../support/TestApp.ts"

let keys = 0

/** What a caller sees of an answer, without what differs from one request to the next. */
const seen = ({ headers, json, status }: Answer) => {
  const {
    decided_at: _decided,
    instance: _instance,
    scan_id: _scan,
    ticket_id: _ticket,
    took_ms: _took,
    ...body
  } = json
  // A second may pass between the two requests.
  if (body.read_again_seconds !== undefined) {
    body.message = body.message.replace(String(body.read_again_seconds), "n")
    body.read_again_seconds = "n"
  }
  const names = [...headers.keys()].filter((name) => !["content-length", "x-request-id"].includes(name))
    .sort()
  return { status, body, names, type: headers.get("content-type")?.split(";")[0] }
}

interface Both {
  readonly token?: string | undefined
  readonly headers?: Record<string, string>
}

/** The same request on either way; `bodies` differ where a ticket can be used only once. */
const both = Effect.fnUntraced(function* (bodies: readonly [unknown, unknown], { headers, token }: Both) {
  const { ask } = yield* Port
  const [short, long] = bodies
  const plain = yield* ask({ token, headers: { ...headers }, body: short })
  const key = { "idempotency-key": `lane-${++keys}` }
  const contract = yield* ask({ token, headers: { ...headers, ...key }, body: long })
  assert.deepStrictEqual(seen(plain), seen(contract))
  return plain
})

const app = Layer.provideMerge(Port.layer, TestAppLayer.layer)

layer(app, { excludeTestServices: true })("the fast path of a scan", (it) => {
  it.effect("answers as the contract does: admitted, used, unknown, forbidden, in French and in English", () =>
    Effect.gen(function* () {
      const { taken } = yield* Port
      const [one, two] = yield* GateFixture.publish(1, 2)
      const steward = yield* operator()
      yield* acquaint(steward, 1)
      const before = taken()
      for (const language of ["fr", "en-GB"]) {
        const headers = { "accept-language": language }
        if (language === "fr") {
          yield* both([scan(1, one!.code), scan(1, two!.code)], { token: steward, headers })
        }
        yield* both([scan(1, one!.code), scan(1, one!.code)], { token: steward, headers })
        yield* both([scan(1, "TKT-001-NONE"), scan(1, "TKT-001-NONE")], { token: steward, headers })
      }
      assert.strictEqual(taken() - before, 5)
      const elsewhere = yield* operator([2])
      yield* acquaint(elsewhere, 1)
      const refused = yield* both([scan(1, one!.code), scan(1, two!.code)], { token: elsewhere })
      assert.strictEqual(refused.json.result, "operator_forbidden")
      const pretending = { token: steward, headers: { "x-organizer": "bob" } }
      const forbidden = yield* both([scan(1, one!.code), scan(1, one!.code)], pretending)
      assert.strictEqual(forbidden.json.type, "/problems/forbidden")
      const otherGate = yield* operator([1], ["B"])
      yield* acquaint(otherGate, 1)
      const wrongGate = yield* both([scan(1, one!.code), scan(1, two!.code)], { token: otherGate })
      assert.strictEqual(wrongGate.json.result, "gate_forbidden")
    }))

  it.effect("refuses the same fields with the same problem", () =>
    Effect.gen(function* () {
      const steward = yield* operator()
      yield* acquaint(steward, 1)
      const body = scan(1, "TKT-001-NONE", { scan_id: "lane-fields", direction: "entry", qr_data: "x" })
      for (const { body: broken } of mutations(body)) {
        yield* both([broken, broken], { token: steward })
      }
      for (const text of ["", "{", "[]", "null", '"x"', "{}", `{"ticket_code":1}`]) {
        const answer = yield* both([text, text], { token: steward })
        assert.isTrue(answer.status === 400 || answer.status === 422, `${text}: ${answer.status}`)
      }
    }), 60_000)

  it.effect("leaves to the contract a body over its bounds, or of broken bytes, which answers what is wrong", () =>
    Effect.gen(function* () {
      const { faults, taken } = yield* Port
      const steward = yield* operator()
      yield* acquaint(steward, 1)
      const before = taken()
      const withMetadata = (metadata: string) =>
        JSON.stringify(scan(1, "TKT-001-NONE", { scan_metadata: 0 })).replace(
          `"scan_metadata":0`,
          `"scan_metadata":${metadata}`
        )
      const nested = (levels: number) => withMetadata(`${`{"a":`.repeat(levels)}1${"}".repeat(levels)}`)
      const hostile = [
        nested(2_500),
        nested(31),
        nested(17),
        withMetadata(JSON.stringify({ note: "x".repeat(8_200) })),
        withMetadata(`{"n":${"9".repeat(65)}}`)
      ]
      for (const body of hostile) {
        assert.strictEqual((yield* both([body, body], { token: steward })).status, 422)
      }
      const broken = new TextEncoder().encode(withMetadata(`{"note":"!"}`)).map((byte) =>
        byte === 0x21 ? 0xff : byte
      )
      assert.strictEqual((yield* both([broken, broken], { token: steward })).status, 400)
      assert.strictEqual(taken(), before)
      const fine = nested(16)
      yield* both([fine, fine], { token: steward })
      assert.strictEqual(taken(), before + 1)
      assert.deepStrictEqual(faults, [])
    }))

  it.effect("leaves to the contract what is not plain", () =>
    Effect.gen(function* () {
      const testApp = yield* TestApp
      const { taken } = yield* Port
      const rows = yield* GateFixture.publish(3, 4)
      const steward = yield* operator()
      yield* acquaint(steward, 3)
      const before = taken()
      const unknown = scan(3, "TKT-003-NONE")
      for (const token of [undefined, "gct_nobody", testApp.admin, testApp.organizer]) {
        yield* both([unknown, unknown], { token })
      }
      yield* both([unknown, unknown], { token: steward, headers: { "content-type": "text/plain" } })
      const large = { ...unknown, scan_metadata: { note: "x".repeat(20_000) } }
      yield* both([large, large], { token: steward })
      yield* both([scan(3, rows[0]!.code), scan(3, rows[1]!.code)], { token: testApp.admin })
      assert.strictEqual(taken(), before)
    }))

  it.effect("takes the request id as the scan id, and gives the same verdict again under it", () =>
    Effect.gen(function* () {
      const { ask, taken } = yield* Port
      const [ticket] = yield* GateFixture.publish(4, 1)
      const steward = yield* operator()
      yield* acquaint(steward, 4)
      const before = taken()
      const headers = { "x-request-id": "device-7-scan-1" }
      const first = yield* ask({ token: steward, headers, body: scan(4, ticket!.code) })
      const second = yield* ask({ token: steward, headers, body: scan(4, ticket!.code) })
      assert.deepStrictEqual([first.json.result, second.json.result], ["valid", "valid"])
      assert.strictEqual(first.headers.get("x-request-id"), "device-7-scan-1")
      assert.strictEqual(first.json.scan_id, "device-7-scan-1")
      const sql = yield* SqlClient.SqlClient
      assert.strictEqual(taken() - before, 2)
      const stored = yield* sql`SELECT scan_id FROM scans WHERE event_id = 4 AND result = 'valid'`
      assert.deepStrictEqual(stored, [{ scan_id: "device-7-scan-1" }])
    }))

  it.effect("gives one device's verdict to no other that uses the same scan id", () =>
    Effect.gen(function* () {
      const { taken } = yield* Port
      const [ticket] = yield* GateFixture.publish(5, 1)
      const steward = yield* operator()
      yield* acquaint(steward, 5)
      const before = taken()
      const first = scan(5, ticket!.code, { scan_id: "cloned-1" })
      assert.strictEqual((yield* both([first, first], { token: steward })).json.result, "valid")
      const other = { ...first, scanner_id: "scanner-cloned" }
      const { json } = yield* both([other, other], { token: steward })
      assert.deepInclude(json, { result: "scan_id_reused", guest_first_name: null, ticket_id: null })
      assert.strictEqual(taken() - before, 2)
    }))
})
