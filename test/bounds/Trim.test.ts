/** Ends are cut off as the plain regular expressions would, and in no more time for a hostile text. */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { trimBoth, trimEnd } from "../../src/bounds/Trim.ts"

const texts = fc.string({ unit: fc.constantFrom("-", "a", "b"), maxLength: 12 })

describe("trimming", () => {
  it("cuts what the regular expressions would cut", () => {
    fc.assert(fc.property(texts, (text) => {
      assert.strictEqual(trimEnd(text, "-"), text.replace(/-+$/, ""))
      assert.strictEqual(trimBoth(text, "-"), text.replace(/^-+|-+$/g, ""))
    }))
  })

  it("reads each character once or twice", () => {
    const hostile = `a${"-".repeat(2_000_000)}a`
    assert.strictEqual(trimBoth(hostile, "-"), hostile)
  })
})
