import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import { SignedUrl } from "../../src/files/SignedUrl.ts"

const [secret, next] = [Redacted.make("first secret"), Redacted.make("second secret")]
const link = new URL(SignedUrl.make({
  baseUrl: "https://tickets.example.com/",
  key: "tickets/12.pdf",
  expires: 1_750_000_000,
  secret
}))
const opens = (change: Partial<Parameters<typeof SignedUrl.verify>[0]> = {}) =>
  Result.match(
    SignedUrl.verify({
      key: link.pathname.slice("/files/".length),
      expires: link.searchParams.get("expires") ?? undefined,
      signature: link.searchParams.get("signature") ?? undefined,
      now: 1_749_999_999,
      secrets: [secret],
      ...change
    }),
    { onFailure: (reason) => reason, onSuccess: () => "open" }
  )

describe("SignedUrl", () => {
  it("opens its own file until its last second", () => {
    assert.strictEqual(link.pathname, "/files/tickets/12.pdf")
    assert.strictEqual(opens(), "open")
    assert.strictEqual(opens({ now: 1_750_000_000 }), "open")
    assert.strictEqual(opens({ now: 1_750_000_001 }), "expired")
  })

  it("opens no other file, and no later than it says", () => {
    assert.strictEqual(opens({ key: "tickets/13.pdf" }), "forged")
    assert.strictEqual(opens({ expires: "1750000001" }), "forged")
    assert.strictEqual(opens({ secrets: [next] }), "forged")
    assert.strictEqual(opens({ secrets: [] }), "forged")
    assert.strictEqual(opens({ now: 2_000_000_000, key: "tickets/13.pdf" }), "forged")
  })

  it("lives through the rotation of its secret", () => {
    assert.strictEqual(opens({ secrets: [next, secret] }), "open")
  })

  it("refuses short, long and strange parameters without throwing", () => {
    for (const signature of [undefined, "", "x", "é".repeat(43), "A".repeat(10_000)]) {
      assert.strictEqual(opens({ signature }), "malformed")
    }
    for (const expires of [undefined, "", "-1", "1e9", "9".repeat(400)]) {
      assert.strictEqual(opens({ expires }), "malformed")
    }
  })
})
