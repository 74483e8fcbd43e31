/** Whom a message may go to. */
import { assert, describe, it } from "@effect/vitest"
import { parse } from "../../../src/services/notifications/Recipient.ts"

describe("a recipient", () => {
  it.each(["jean.dupont@example.com", "o'brien+tickets@mail.example.co.uk", "a@exämple.fr"])(
    "is the address %s",
    (to) => {
      assert.deepInclude(parse(to), { _tag: "Email", address: to })
    }
  )

  it.each(["+33612345678", "+33687654321", "+447911123456", "+14155552671"])("is the mobile %s", (to) => {
    assert.strictEqual(parse(to)?._tag, "Phone")
  })

  it.each([
    "",
    "jean",
    "@example.com",
    "jean@",
    "jean@localhost",
    "a..b@example.com",
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
    "tel:+33612345678",
    "guest-7@event-1.invalid"
  ])("is not %j", (to) => {
    assert.isUndefined(parse(to))
  })
})
