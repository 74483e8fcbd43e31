import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import fc from "fast-check"
import { createPublicKey, verify } from "node:crypto"
import { QrData } from "../../src/trust/QrData.ts"
import { SigningKeys, trustedKeys } from "../../src/trust/SigningKeys.ts"

const ticket = { id: 1, eventId: 1, timestamp: 1640995200, code: "TKT-001-ABC123" }
const withKeys = Effect.provide(SigningKeys.layerMemory)
const refusal = (result: Result.Result<unknown, string>): string | null =>
  Result.isFailure(result) ? result.failure : null

describe("QrData", () => {
  it.effect("starts with the document's own JSON and names its key", () =>
    Effect.gen(function* () {
      const keys = yield* SigningKeys
      const text = QrData.sign(keys, ticket)
      assert.isTrue(
        text.startsWith(`{"id":1,"eventId":1,"timestamp":1640995200,"code":"TKT-001-ABC123","kid":"`)
      )
      const { sig, ...rest } = JSON.parse(text)
      assert.deepStrictEqual(rest, { ...ticket, kid: keys.kid })
      assert.strictEqual(Buffer.from(sig, "base64url").length, 64)
    }).pipe(withKeys))

  it.effect("verifies offline with nothing but the published document", () =>
    Effect.gen(function* () {
      const keys = yield* SigningKeys
      const text = QrData.sign(keys, ticket)
      const published = JSON.parse(JSON.stringify(keys.keySet))
      const result = QrData.verify(text, trustedKeys(published))
      assert.deepStrictEqual(Result.getOrNull(result), JSON.parse(text))
      assert.notInclude(JSON.stringify(published), `"d"`)
    }).pipe(withKeys))

  it.effect("verifies with node:crypto alone and the published JWK", () =>
    Effect.gen(function* () {
      const keys = yield* SigningKeys
      const data = JSON.parse(QrData.sign(keys, ticket))
      const jwk = keys.keySet.keys.find((key) => key.kid === data.kid)!
      const bytes = Buffer.from(`guichet.ticket.v1\n1\n1\n1640995200\nTKT-001-ABC123`)
      const key = createPublicKey({ format: "jwk", key: { ...jwk } })
      assert.isTrue(verify(null, bytes, key, Buffer.from(data.sig, "base64url")))
    }).pipe(withKeys))

  it.effect("says why it refuses", () =>
    Effect.gen(function* () {
      const keys = yield* SigningKeys
      const stranger = yield* Effect.provide(SigningKeys, Layer.fresh(SigningKeys.layerMemory))
      const text = QrData.sign(keys, ticket)
      const why = (changed: string) => refusal(QrData.verify(changed, keys.trusted))
      assert.strictEqual(why(text), null)
      assert.strictEqual(why(text.replace(`"id":1`, `"id":2`)), "forged")
      assert.strictEqual(why(text.replace("ABC123", "ABC124")), "forged")
      assert.strictEqual(why(QrData.sign({ ...stranger, kid: keys.kid }, ticket)), "forged")
      assert.strictEqual(why(QrData.sign(stranger, ticket)), "unknown_key")
      assert.strictEqual(why(`{"id":1,"eventId":1,"timestamp":1640995200}`), "unsigned")
      assert.strictEqual(why(text.replace(",", ", ")), "malformed")
      assert.strictEqual(why(text.replace("}", `,"vip":true}`)), "malformed")
      assert.strictEqual(why(`${text}\n`), "malformed")
      assert.strictEqual(why(""), "malformed")
      assert.strictEqual(why("[".repeat(400)), "malformed")
      assert.strictEqual(why("[".repeat(10_000_000)), "oversized")
    }).pipe(withKeys))

  it.effect("refuses every tampered, truncated or binary text with a reason, and never throws", () =>
    Effect.gen(function* () {
      const keys = yield* SigningKeys
      const text = QrData.sign(keys, ticket)
      const refused = (changed: string): boolean =>
        changed === text || refusal(QrData.verify(changed, keys.trusted)) !== null
      const at = fc.nat(text.length - 1)
      const replaced = fc.tuple(at, fc.string({ unit: "binary", minLength: 1, maxLength: 3 }))
        .map(([index, piece]) => text.slice(0, index) + piece + text.slice(index + 1))
      const bits = fc.tuple(at, fc.nat(6)).map(([index, bit]) =>
        text.slice(0, index) + String.fromCharCode(text.charCodeAt(index) ^ (1 << bit)) +
        text.slice(index + 1)
      )
      const cut = fc.tuple(at, at).map(([a, b]) => text.slice(Math.min(a, b), Math.max(a, b)))
      const fields = fc.record({
        id: fc.oneof(fc.maxSafeInteger(), fc.double(), fc.string(), fc.constant(null)),
        eventId: fc.maxSafeInteger(),
        timestamp: fc.anything(),
        code: fc.string(),
        kid: fc.oneof(fc.constant(keys.kid), fc.constant("__proto__"), fc.string()),
        sig: fc.oneof(fc.constant(JSON.parse(text).sig), fc.string({ minLength: 86, maxLength: 86 }))
      }, { requiredKeys: [] }).map((value) => JSON.stringify(value))
      const garbage = fc.string({ unit: "binary", maxLength: 2000 })
      fc.assert(fc.property(fc.oneof(replaced, bits, cut, fields, fc.json(), garbage), refused), {
        seed: 20250620,
        numRuns: 5000
      })
    }).pipe(withKeys))
})
