/** What else than a ticket may be held before a camera: forged, truncated, oversized, binary and replayed QR data. */
import { Effect, Layer } from "effect"
import * as fc from "fast-check"
import type { ScanResult } from "../../rpc/Scan.ts"
import { QrData, type QrTicket } from "../../src/trust/QrData.ts"
import { SigningKeys } from "../../src/trust/SigningKeys.ts"

/** Tickets of ours to forge from: one that waits for its guest, one that was used, one of another event. */
export interface Originals {
  readonly keys: SigningKeys["Service"]
  readonly bait: QrTicket
  readonly used: QrTicket
  readonly foreign: QrTicket
}

/** A text before the camera, the code typed beside it, and what the gate must say. */
export interface Forgery {
  readonly kind: string
  readonly text: string
  readonly code: string
  readonly result: ScanResult
}

type Make = (originals: Originals) => Forgery

const stranger = Effect.runSync(
  Effect.scoped(
    Effect.flatMap(
      Layer.build(Layer.fresh(SigningKeys.layerMemory)),
      (context) => Effect.provide(SigningKeys, context)
    )
  )
)

/** Text that is none of ours, beside the true code of a ticket that waits: the code must not mend it. */
const forged = (kind: string, text: fc.Arbitrary<(originals: Originals, genuine: string) => string>) =>
  text.map((make): Make => (originals) => ({
    kind,
    text: make(originals, QrData.sign(originals.keys, originals.bait)),
    code: originals.bait.code,
    result: "forged"
  }))

/** The same text in the QR and, where it is not too long, as the code that is stored. */
const plain = (kind: string, text: fc.Arbitrary<string>) =>
  text.map((one): Make => ({ bait }) => ({
    kind,
    text: one,
    code: one.length > 4_096 ? bait.code : one,
    result: "forged"
  }))

const replayed = (kind: string, which: "used" | "foreign", result: ScanResult): fc.Arbitrary<Make> =>
  fc.constant((originals) => ({
    kind,
    text: QrData.sign(originals.keys, originals[which]),
    code: originals[which].code,
    result
  }))

const other = (char: string) => char === "0" ? "1" : "0"

/** Seconds that no ticket of the tests was issued in. */
const past = 1_600_000_000

const retargeted = fc.constantFrom("id", "eventId", "timestamp", "code" as const).map(
  (member) => (_: Originals, genuine: string) => {
    const json = JSON.parse(genuine)
    return JSON.stringify({ ...json, [member]: member === "code" ? "TKT-001-ZZZZZZ" : json[member] + 1 })
  }
)

const respelled = fc.constantFrom<(genuine: string) => string>(
  (genuine) => genuine.replace(",", ",\n"),
  (genuine) => JSON.stringify(JSON.parse(genuine), null, 1),
  (genuine) => genuine.replace("{", `{"id":1,`),
  (genuine) => JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(genuine)).reverse())),
  (genuine) => `${genuine}${genuine}`,
  (genuine) => genuine.toLowerCase()
).map((spell) => (_: Originals, genuine: string) => spell(genuine))

const binary = fc.oneof(
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 }).map((units) =>
    String.fromCharCode(...units)
  ),
  fc.string({ unit: "binary", maxLength: 100 })
)

const misshapen = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.integer({ min: 1, max: 400 }).map((depth) => "[".repeat(depth)),
  fc.constantFrom(
    `{"__proto__":{"id":1}}`,
    `{"id":1e400}`,
    `{"id":-1}`,
    `{"id":9007199254740993}`,
    `{"id":"1"}`,
    "null",
    "",
    "https://example.com/?id=1"
  )
)

const long = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 513, max: 4_096 }) },
  { weight: 3, arbitrary: fc.integer({ min: 4_097, max: 60_000 }) }
)

const kinds: ReadonlyArray<fc.WeightedArbitrary<Make>> = [
  {
    weight: 4,
    arbitrary: forged("truncated", fc.nat({ max: 150 }).map((cut) => (_, genuine) => genuine.slice(0, cut)))
  },
  {
    weight: 4,
    arbitrary: forged(
      "altered",
      fc.nat().map((nth) => (_, genuine) => {
        const at = nth % genuine.length
        return genuine.slice(0, at) + other(genuine[at]!) + genuine.slice(at + 1)
      })
    )
  },
  { weight: 3, arbitrary: forged("retargeted", retargeted) },
  { weight: 2, arbitrary: forged("respelled", respelled) },
  {
    weight: 3,
    arbitrary: forged(
      "signed by a stranger under our name",
      fc.constant(({ bait, keys }) => QrData.sign({ ...stranger, kid: keys.kid }, bait))
    )
  },
  {
    weight: 2,
    arbitrary: forged("signed by a stranger", fc.constant(({ bait }) => QrData.sign(stranger, bait)))
  },
  {
    weight: 2,
    arbitrary: forged(
      "unsigned",
      fc.nat({ max: 100 }).map((later) => ({ bait: { eventId, id } }) =>
        JSON.stringify({ id, eventId, timestamp: past + later })
      )
    )
  },
  { weight: 4, arbitrary: plain("binary", binary) },
  { weight: 3, arbitrary: plain("misshapen", misshapen) },
  { weight: 2, arbitrary: plain("oversized", long.map((length) => "9".repeat(length))) },
  {
    weight: 1,
    arbitrary: forged("oversized", long.map((length) => (_, genuine) => genuine + " ".repeat(length)))
  },
  { weight: 2, arbitrary: replayed("replayed", "used", "already_used") },
  { weight: 2, arbitrary: replayed("replayed at another event", "foreign", "wrong_event") }
]

/** Forgeries of every kind, the same ones for the same seed. */
export const forgeries = (count: number, seed: number): ReadonlyArray<Make> =>
  fc.sample(fc.oneof(...kinds), { numRuns: count, seed })
