/**
 * Our reading of `Stripe-Signature` against Stripe's own: we believe nothing that Stripe's library does not believe.
 * Guards whose removal turns this red: the one `t`, its digits, the skew, the comparison of signatures.
 */
import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import * as fc from "fast-check"
import Stripe from "stripe"
import { signedSecond, stripeHeader } from "../../src/trust/StripeHeader.ts"

const secret = "whsec_0123456789abcdef"
const now = 1_750_000_000
const body = new TextEncoder().encode(`{"id":"evt_1"}`)
const other = new TextEncoder().encode(`{"id":"evt_2"}`)

const believed = (header: string, of = body) =>
  signedSecond(header, of, [Redacted.make(secret)], now * 1000) !== undefined

const provider = Stripe.createNodeCryptoProvider()

const believedByStripe = (header: string) => {
  try {
    return Stripe.webhooks.signature!.verifyHeader(
      Buffer.from(body),
      header,
      secret,
      300,
      provider,
      now * 1000
    )
  } catch {
    return false
  }
}

const at = (seconds: number, of = body) => stripeHeader(Redacted.make(secret), seconds, of).split(",")

/** Items of a header: right, late, early, of another body, and everything near them. */
const items = fc.oneof(
  fc.constantFrom(...[0, 299, 300, 301, -299, -300, -301, 4000].flatMap((skew) => at(now + skew))),
  fc.constantFrom(...at(now, other), "t", "t=", "v1", "v1=", "", " ", `t=0${now}`, `t=${now}.0`, `t=+${now}`),
  fc.constantFrom(...at(now).flatMap((item) => [` ${item}`, `${item} `, item.toUpperCase(), `${item}=1`])),
  fc.constantFrom(`v0=${at(now)[1]!.slice(3)}`, `t=${now}abc`, `T=${now}`),
  fc.string({ maxLength: 8 })
)

const harmless = fc.constantFrom(`v1=${"0".repeat(64)}`, `v0=${"1".repeat(64)}`, "v1=short", "x=y")

/** Anything at all, and a right header with one or two other items before, between or after its own. */
const headers = fc.oneof(
  fc.array(items, { maxLength: 4 }),
  fc.tuple(
    fc.array(fc.oneof(items, harmless), { maxLength: 1 }),
    fc.array(harmless, { maxLength: 1 }),
    fc.nat(2)
  ).map(
    ([one, two, at_]) => at(now).toSpliced(at_, 0, ...one, ...two)
  )
)

describe("the header that Stripe signs in", () => {
  it("is believed as Stripe makes it", () => {
    const theirs = Stripe.webhooks.generateTestHeaderString({
      payload: new TextDecoder().decode(body),
      secret,
      timestamp: now,
      cryptoProvider: provider
    })
    assert.strictEqual(theirs, at(now).join(","))
    assert.isTrue(believed(theirs))
    assert.isTrue(believed(`${theirs},v1=${"0".repeat(64)},v0=${"1".repeat(64)}`))
    assert.isFalse(believed(theirs, other))
  })

  it("is never believed by us when Stripe's library does not believe it", () => {
    let both = 0
    fc.assert(
      fc.property(headers, (parts) => {
        const header = parts.join(",")
        if (!believed(header)) return true
        both++
        const stamps = parts.filter((part) => part.trim().startsWith("t"))
        return believedByStripe(header) && stamps.length === 1
      }),
      { numRuns: 10_000, seed: 20_261_130 }
    )
    assert.isAbove(both, 500)
  })
})
