/**
 * The quick reader of a scan's body against the schema: whatever it reads, the schema reads the same.
 * A condition of `PlainScan` that lets through what the schema refuses turns this file red.
 */
import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import * as fc from "fast-check"
import documented from "../../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { plainScan } from "../../../src/api/gate/PlainScan.ts"
import { ScanBody } from "../../../src/gate/ScanBodies.ts"
import { mutations } from "../../support/Mutations.ts"

const bySchema = Schema.decodeUnknownResult(ScanBody)

const optional = {
  scan_id: "550e8400-e29b-41d4-a716-446655440000",
  direction: "exit",
  qr_data: "{}",
  timestamp: "2025-06-15T10:30:00.250Z"
}

/** What the gate makes no difference of: null, and absent. */
const withoutNulls = (value: unknown): unknown =>
  typeof value !== "object" || value === null || Array.isArray(value) || "epochMilliseconds" in value
    ? value
    : Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) =>
        item === null ? [] : [[key, key === "scan_metadata" ? item : withoutNulls(item)]]
      )
    )

/** Reads both ways; true when the quick one did. */
const agree = (value: unknown): boolean => {
  const read = plainScan(value)
  if (read === undefined) return false
  const told = bySchema(value)
  if (Result.isFailure(told)) assert.fail(`read what the schema refuses: ${JSON.stringify(value)}`)
  assert.deepStrictEqual(withoutNulls(read), withoutNulls(told.success))
  return true
}

const odd = fc.constantFrom<unknown>(
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  90.000_1,
  -180.5,
  2 ** 53,
  "",
  " ",
  " A",
  "A ",
  "A\u0000",
  "A\u0085B",
  "A\u00adB",
  "\ud800",
  "Porte Été",
  "門",
  "x".repeat(200),
  "x".repeat(201),
  "x".repeat(4_097),
  "2025-02-30T10:00:00Z",
  "2024-02-29T10:00:00Z",
  "2025-06-15T24:00:00Z",
  "2025-06-15T10:60:00Z",
  "2025-06-15T10:00:60Z",
  "2025-06-15T10:00:00",
  "2025-06-15T10:00:00+02:00",
  "1969-12-31T23:59:59Z",
  "3000-01-01T00:00:00Z",
  "2999-12-31T23:59:59.999Z",
  "2025-06-15T10:00:00.1Z",
  "entry",
  "sideways",
  "-leading",
  [],
  {},
  { gate: "A" },
  { lat: 91, lng: 0 },
  { lat: 0, lng: 181 },
  { lat: 0 }
)

const paths = [
  ["ticket_code"],
  ["event_id"],
  ["scanner_id"],
  ["validation_result"],
  ["scan_location"],
  ["scan_location", "gate"],
  ["scan_location", "section"],
  ["scan_location", "coordinates"],
  ["scan_location", "coordinates", "lat"],
  ["scan_location", "coordinates", "lng"],
  ["scan_metadata"],
  ["operator_id"],
  ["scan_id"],
  ["direction"],
  ["qr_data"],
  ["timestamp"]
]

const changed = (changes: ReadonlyArray<readonly [ReadonlyArray<string>, unknown]>): unknown => {
  const body: Record<string, unknown> = structuredClone({ ...documented, ...optional })
  for (const [path, value] of changes) {
    let holder: unknown = body
    for (const key of path.slice(0, -1)) holder = (holder as Record<string, unknown> | undefined)?.[key]
    if (typeof holder === "object" && holder !== null) {
      ;(holder as Record<string, unknown>)[path.at(-1)!] = value
    }
  }
  return JSON.parse(JSON.stringify(body))
}

describe("the quick reader of a scan", () => {
  it("reads the documented body, with and without what is optional", () => {
    assert.isTrue(agree(documented))
    assert.isTrue(agree({ ...documented, ...optional }))
  })

  it("reads nothing that the schema refuses, and nothing otherwise", () => {
    for (const { body } of mutations({ ...documented, ...optional })) agree(body)
    for (const body of [undefined, null, [], "x", 1, {}]) assert.isFalse(agree(body))
    let read = 0
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...paths), odd), { minLength: 1, maxLength: 3 }),
        (changes) => {
          if (agree(changed(changes))) read += 1
        }
      ),
      { seed: 20_250_615, numRuns: 20_000 }
    )
    assert.isAbove(read, 1_000)
  })
})
