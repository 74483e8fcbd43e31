/**
 * The bounds of a JSON text, against a plain recursive count of the parsed value. Guards whose removal turns this file
 * red: each of the five bounds, the resumed state between two steps, and an escape that a step cuts in two.
 */
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { begin, type Bounds, bounds, check } from "../../src/bounds/JsonBounds.ts"

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** What a text of this value measures: brackets and commas are its values. */
const measure = (value: unknown): Bounds => {
  if (typeof value === "string") {
    return { depth: 0, values: 0, items: 0, string: bytesOf(JSON.stringify(value)).length - 2, number: 0 }
  }
  if (typeof value !== "object" || value === null) {
    return { depth: 0, values: 0, items: 0, string: 0, number: JSON.stringify(value).length }
  }
  const inner = Array.isArray(value)
    ? value.map(measure)
    : Object.entries(value).flatMap(([key, item]) => [measure(key), measure(item)])
  const items = Array.isArray(value) ? value.length : Object.keys(value).length
  const most = (pick: (bounds: Bounds) => number) => Math.max(0, ...inner.map(pick))
  return {
    depth: 1 + most(({ depth }) => depth),
    values: 1 + Math.max(0, items - 1) + inner.reduce((sum, { values }) => sum + values, 0),
    items: Math.max(items, most(({ items }) => items)),
    string: most(({ string }) => string),
    number: most(({ number }) => number)
  }
}

/** Whether a pointer leads to something in the value, as RFC 6901 says. */
const leads = (value: unknown, pointer: string): boolean => {
  let at = value
  for (const segment of pointer.split("/").slice(1)) {
    const key = segment.replaceAll("~1", "/").replaceAll("~0", "~")
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, key)) return false
    at = (at as Record<string, unknown>)[key]
  }
  return true
}

const json = fc.jsonValue({ maxDepth: 5, noUnicodeString: false })

const limits = fc.record({
  depth: fc.integer({ min: 0, max: 6 }),
  values: fc.integer({ min: 1, max: 30 }),
  items: fc.integer({ min: 1, max: 6 }),
  string: fc.integer({ min: 0, max: 12 }),
  number: fc.integer({ min: 5, max: 20 })
})

describe("JsonBounds", () => {
  it("refuses what a recursive count of the parsed value finds too large, and nothing else", () => {
    fc.assert(
      fc.property(json, limits, fc.integer({ min: 0, max: 3 }), (value, within, indent) => {
        const size = measure(value)
        const isTooLarge = (Object.keys(within) as ReadonlyArray<keyof Bounds>)
          .some((bound) => bound === "values" ? size.values + 1 > within.values : size[bound] > within[bound])
        const found = check(bytesOf(JSON.stringify(value, null, indent)), within)
        assert.strictEqual(found !== undefined, isTooLarge)
        if (found !== undefined) assert.isTrue(leads(value, found.pointer), found.pointer)
      }),
      { numRuns: 3_000 }
    )
  })

  it("says the same however the bytes are cut into steps", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(json, limits, sizes, (value, within, steps) => {
        const bytes = bytesOf(JSON.stringify(value))
        const scan = begin(bytes, within)
        let found
        let to = 0
        for (let turn = 0; to < bytes.length && found === undefined; turn++) {
          to = Math.min(bytes.length, to + steps[turn % steps.length]!)
          found = scan.step(to)
        }
        assert.deepStrictEqual(found, check(bytes, within))
      }),
      { numRuns: 2_000 }
    )
  })

  it("reads an escaped quote as text, though a step ends before it", () => {
    const bytes = bytesOf(`["a\\",,,,,,,,,,"]`)
    const scan = begin(bytes, { ...bounds, items: 3 })
    for (let to = 1; to <= bytes.length; to++) assert.isUndefined(scan.step(to))
  })

  it("ends on any bytes, whole or cut, and throws at none", () => {
    const part = fc.constantFrom(
      "[",
      "]",
      "{",
      "}",
      ",",
      ":",
      '"',
      "\\",
      "\\u00",
      "1e9",
      " ",
      "é",
      "\u0000",
      "true"
    )
    const marks = fc.array(part, { maxLength: 60 }).map((parts) => bytesOf(parts.join("")))
    fc.assert(
      fc.property(fc.oneof(marks, fc.uint8Array({ maxLength: 200 })), limits, (bytes, within) => {
        const found = check(bytes, within)
        assert.isTrue(found === undefined || found.detail.length > 0)
      }),
      { numRuns: 3_000 }
    )
  })

  const hostile: ReadonlyArray<readonly [name: string, text: string, pointer: string]> = [
    ["a million arrays inside each other", "[".repeat(1_000_000), "/0".repeat(32)],
    ["a million objects inside each other", `{"a":`.repeat(1_000_000), "/a".repeat(32)],
    ["an array to the body's limit", `{"scans":[${"{},".repeat(2_600_000)}{}]}`, "/scans"],
    ["an object to the body's limit", `{${`"a":1,`.repeat(1_300_000)}"a":1}`, ""],
    ["one string to the body's limit", `{"a":{"b/c":"${"x".repeat(8_000_000)}"}}`, "/a/b~1c"],
    ["one number to the body's limit", `{"a":${"9".repeat(8_000_000)}}`, "/a"],
    ["values spread over many arrays", `[${`[${"1,".repeat(1_000)}1],`.repeat(4_000)}1]`, "/299/400"]
  ]
  for (const [name, text, pointer] of hostile) {
    it(`refuses ${name} at its place`, () => {
      assert.strictEqual(check(bytesOf(text), bounds)?.pointer, pointer)
    })
  }

  it("lets the largest documented bodies pass", () => {
    const guest = {
      guest_id: 1,
      name: "Jean Dupont",
      email: "j@example.com",
      phone: null,
      ticket_type: "VIP"
    }
    const scan = {
      scan_id: "a",
      ticket_code: "TKT-001",
      gate: "A",
      direction: "entry",
      result: "valid",
      timestamp: "2025-06-20T09:00:00Z",
      scan_location: { gate: "A", section: "VIP", coordinates: { lat: 48.8566, lng: 2.3522 } }
    }
    const flow = { guests: Array.from({ length: 10_000 }, () => guest) }
    const upload = { scans: Array.from({ length: 5_000 }, () => scan) }
    assert.isUndefined(check(bytesOf(JSON.stringify(flow)), bounds))
    assert.isUndefined(check(bytesOf(JSON.stringify(upload)), bounds))
  })
})
