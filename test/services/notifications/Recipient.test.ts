/** Whom a message may go to: every address that a guest may have, so that none is refused after the door. */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Email } from "../../../rpc/values/Values.ts"
import { parse } from "../../../src/services/notifications/Recipient.ts"

const isEmail = Schema.is(Email)

describe("a recipient", () => {
  it.each(["jean.dupont@example.com", "o'brien+tickets@mail.example.co.uk", "a@xn--exmple-cua.fr"])(
    "is the address %s",
    (to) => {
      assert.deepInclude(parse(to), { channel: "email", address: to })
    }
  )

  it.each([
    ["a@exämple.fr", "a@xn--exmple-cua.fr"],
    ["a@EXÄMPLE.fr", "a@xn--exmple-cua.fr"],
    ["a@exa\u0308mple.fr", "a@xn--exmple-cua.fr"],
    ["a@почта.рф", "a@xn--80a1acny.xn--p1ai"]
  ])("is the address %s as mail servers know it", (to, address) => {
    assert.deepInclude(parse(to), { channel: "email", address })
    assert.isTrue(isEmail(to))
  })

  it.each(["+33612345678", "+33687654321", "+447911123456", "+14155552671"])("is the mobile %s", (to) => {
    assert.strictEqual(parse(to)?.channel, "sms")
  })

  it.each([
    "",
    "jean",
    "@example.com",
    "jean@",
    "jean@localhost",
    "a..b@example.com",
    "josé@example.com",
    "müller@firma.de",
    "x@y.c",
    "x@1.22",
    "jean@exa_mple.fr",
    `a@${"ä".repeat(61)}.fr`,
    "a@-x.com",
    "a@x..com",
    "jean@example.com\r\nBcc: all@example.com",
    "jean@example.com, paul@example.com",
    "Jean <jean@example.com>",
    '"a b"@example.com',
    "a@b@example.com",
    `${"a".repeat(65)}@example.com`,
    `a@${"b".repeat(260)}.com`,
    "0612345678",
    "+33 6 12 34 56 78",
    "+33123456789",
    "+3361234567",
    "+00000000000",
    "+33612345678\n",
    "tel:+33612345678"
  ])("is not %j, nor is it a guest's address", (to) => {
    assert.isUndefined(parse(to))
    assert.isFalse(isEmail(to))
  })

  it("is not an erased guest's address", () => {
    assert.isUndefined(parse("guest-7@event-1.INVALID"))
    assert.isTrue(isEmail("guest-7@event-1.invalid"))
  })
})
