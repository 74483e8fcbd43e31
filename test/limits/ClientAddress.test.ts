/**
 * Whose address counts. Guards whose removal turns this file red: the trust in listed proxies alone, the walk from the
 * right, the end at what is no address, the /64, the canonical form of mapped addresses.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option } from "effect"
import { Headers } from "effect/http"
import { clientOf, trustedProxies } from "../../src/limits/ClientAddress.ts"

const given = (TRUSTED_PROXIES: string) =>
  Effect.provide(trustedProxies, ConfigProvider.layer(ConfigProvider.fromUnknown({ TRUSTED_PROXIES })))

const client = (trusted: string, peer: string | undefined, forwarded?: string) =>
  Effect.map(given(trusted), (networks) =>
    clientOf({
      remoteAddress: Option.fromUndefinedOr(peer),
      headers: Headers.fromInput(forwarded === undefined ? {} : { "x-forwarded-for": forwarded })
    }, networks))

describe("the client of a request", () => {
  const proxies = "10.0.0.0/8, 2001:db8::/32"
  const cases: ReadonlyArray<
    readonly [what: string, trusted: string, peer: string | undefined, forwarded: string | undefined, string?]
  > = [
    ["its peer", "", "198.51.100.7", undefined, "198.51.100.7"],
    ["its peer, whatever a stranger says", proxies, "198.51.100.7", "203.0.113.9", "198.51.100.7"],
    ["its peer, when no proxy is trusted", "", "10.0.0.1", "203.0.113.9", "10.0.0.1"],
    ["whom a trusted proxy names last", proxies, "10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"],
    [
      "whom a chain of proxies names",
      proxies,
      "10.0.0.1",
      "203.0.113.9,10.1.1.1 , 2001:db8::1",
      "203.0.113.9"
    ],
    ["the proxy, when it names nobody", proxies, "10.0.0.1", undefined, "10.0.0.1"],
    ["the proxy, when it names no address", proxies, "10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"],
    ["the first of trusted ones only", proxies, "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["the mapped address", proxies, "::ffff:198.51.100.7", undefined, "198.51.100.7"],
    ["a household", "", "2001:db9:1:2:3:4:5:6", undefined, "2001:db9:1:2"],
    ["nobody within the process", proxies, undefined, "203.0.113.9"]
  ]
  for (const [what, trusted, peer, forwarded, key] of cases) {
    it.effect(`is ${what}`, () =>
      Effect.map(client(trusted, peer, forwarded), (found) => assert.strictEqual(found, key)))
  }

  it.effect("is asked of a list of networks, and of nothing else", () =>
    Effect.gen(function* () {
      assert.lengthOf(yield* given(" "), 0)
      assert.lengthOf(yield* given("10.0.0.0/8,192.168.0.1/32"), 2)
      for (const wrong of ["10.0.0.0/33", "proxy.example", "10.0.0.0/8,,", "*"]) {
        assert.include(String(yield* Effect.flip(given(wrong))), "Expected networks", wrong)
      }
    }))
})
