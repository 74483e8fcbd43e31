import { assert, describe, it } from "@effect/vitest"
import { TicketCode } from "../../../rpc/values/TicketCode.ts"

describe("TicketCode", () => {
  it("looks like the document's code and carries 80 random bits", () => {
    assert.match(TicketCode.make(1), /^TKT-001-[0-9A-HJKMNP-TV-Z]{16}$/)
    assert.match(TicketCode.make(12345), /^TKT-12345-/)
    assert.isTrue(TicketCode.is(TicketCode.make(1)))
    assert.isTrue(TicketCode.is("TKT-001-ABC123"))
  })

  it("never repeats and uses every letter of its alphabet in every place", () => {
    const codes = Array.from({ length: 4000 }, () => TicketCode.make(7))
    assert.strictEqual(new Set(codes).size, codes.length)
    for (let place = 8; place < 24; place++) {
      assert.strictEqual(new Set(codes.map((code) => code[place])).size, 32, `place ${place}`)
    }
  })

  it("reads back what a person typed", () => {
    assert.strictEqual(TicketCode.normalize(" tkt-001-o1l i2a3 "), "TKT-001-01112A3")
    assert.strictEqual(TicketCode.normalize("TKT-001-ABC123"), "TKT-001-ABC123")
  })

  it("refuses what is not a code", () => {
    for (const text of ["", "TKT-1-ABC123", "TKT-001-ABC12U", "TKT-001-", "x".repeat(100000)]) {
      assert.isFalse(TicketCode.is(text), text.slice(0, 20))
    }
  })
})
