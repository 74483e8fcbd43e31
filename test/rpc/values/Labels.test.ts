/**
 * Names and titles that people can read where they are printed, by one rule for all of them.
 * Guards whose removal turns this file red: something that is seen, nothing that turns the writing, the combining marks.
 */
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as fc from "fast-check"
import { Label, text } from "../../../rpc/values/Values.ts"

const isLabel = Schema.is(Label)
const isText = Schema.is(text(500))

const invisible = [
  "\u200b",
  "\u200c",
  "\u200d",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "\u3164",
  "\u115f",
  "\u2800",
  "\u00a0",
  "\u180e"
]
const turning = [
  "\u202a",
  "\u202b",
  "\u202c",
  "\u202d",
  "\u202e",
  "\u2066",
  "\u2067",
  "\u2068",
  "\u2069",
  "\u2028"
]
const marks = ["\u0301", "\u0336", "\u0489", "\u20dd", "\u0300"]

const names = [
  "Jean Dupont",
  "张伟",
  "عمر",
  "ஜெயா",
  "שרה",
  "สมชาย",
  "नेहा",
  "გიორგი",
  "Սարգիս",
  "Zoë 🎉",
  "Zoe\u0308",
  "👨‍👩‍👧‍👦",
  "🏴󠁧󠁢󠁥󠁮󠁧󠁿",
  "Nguyễn Thị Ánh".normalize("NFD"),
  "می‌خواهم",
  "ཀྲི",
  "မြွှေ့",
  "בְּרֵאשִׁ֖ית",
  "O’Brien-Łuczak",
  "\u200fשרה\u200e",
  "★"
]

describe("a name", () => {
  it.each(names)("may be %s", (name) => {
    assert.isTrue(isLabel(name))
    assert.isTrue(isText(name))
  })

  it("is not made of what nobody sees", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...invisible, " "), { minLength: 1, maxLength: 100 }), (parts) => {
        assert.isFalse(isLabel(parts.join("")), JSON.stringify(parts))
      }),
      { seed: 20_250_620, numRuns: 10_000 }
    )
  })

  it("neither turns what stands beside it nor ends its line", () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.constantFrom(...turning), fc.nat(), (name, turn, at) => {
        const chars = [...name]
        const changed = [...chars.slice(0, at % chars.length), turn, ...chars.slice(at % chars.length)].join(
          ""
        )
        assert.isFalse(isLabel(changed))
        assert.isFalse(isText(changed))
      }),
      { seed: 20_250_620, numRuns: 10_000 }
    )
  })

  it("covers nothing with marks: more than 8 on one letter are refused", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(fc.constantFrom(...marks), { minLength: 9, maxLength: 150 }),
        (name, parts) => {
          assert.isFalse(isLabel(name + parts.join("")))
          assert.isFalse(isText(parts.join("")))
        }
      ),
      { seed: 20_250_620, numRuns: 10_000 }
    )
  })

  it("is refused in a sentence", () => {
    const why = (name: string) => String(Schema.decodeUnknownExit(Label)(name))
    assert.include(why("\u200b"), "at least one visible character")
    assert.include(why("Jean\u202eDupont"), "reverse the writing")
    assert.include(why(`J${"\u0301".repeat(150)}`), "combining marks")
  })
})
