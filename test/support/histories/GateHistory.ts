/** Random histories of one event's gates: scans, retries, lost answers, crashes, annulments and what organisers do. */
import * as fc from "fast-check"
import type { Direction } from "../../../rpc/Scan.ts"

/** The tickets of the event; the number after the last is a ticket of another event, -1 is nobody's. */
export const tickets = 3
export const foreign = tickets
export const unknown = -1

/** How the ticket is named: as printed, as typed, by number, by both, or by the code of one and the number of another. */
export type Naming = "printed" | "typed" | "number" | "both" | "mixed"

/** A scan that no ticket can mend. */
export type Flaw = "forged" | "stranger" | "gate"

/** What is different when a scan is sent again. */
export type Change = "none" | "direction" | "gate" | "device" | "ticket"

/** A scan, or an earlier one sent again: the same, turned round, at another gate, by another device, or for this ticket. */
export interface ScanStep {
  readonly ticket: number
  readonly direction: Direction
  readonly gate: "A" | "B"
  readonly device: "scanner-1" | "scanner-2"
  readonly naming: Naming
  readonly flaw: Flaw | null
  readonly offline: "valid" | "refused" | null
  readonly again: { readonly of: number; readonly change: Change } | null
}

/** What happens to a message: it is answered, its answer is lost, or its activation dies before the write. */
export type Fate = "answered" | "lost" | "crashed"

/** One message to one of the two activations; `meanwhile` happens between its decision and its write. */
export interface Message {
  readonly do: "scan"
  readonly activation: 0 | 1
  readonly scans: ReadonlyArray<ScanStep>
  readonly fate: Fate
  readonly meanwhile: ReadonlyArray<Step>
}

/** One step; an annulment names an earlier scan. */
export type Step =
  | Message
  | { readonly do: "annul"; readonly of: number; readonly sameDevice: boolean }
  | { readonly do: "spoil"; readonly ticket: number; readonly how: "voided" | "unpaid" }
  | { readonly do: "resize"; readonly places: number }
  | { readonly do: "wait"; readonly seconds: number }
  | { readonly do: "restart"; readonly activation: 0 | 1 }

/** One event's day. */
export interface History {
  readonly reentry: boolean
  readonly places: number
  readonly steps: ReadonlyArray<Step>
}

const weighted = <A>(...choices: ReadonlyArray<readonly [number, A]>): fc.Arbitrary<A> => {
  const all = choices.flatMap(([weight, value]) => Array.from({ length: weight }, () => value))
  return fc.nat({ max: all.length - 1 }).map((at) => all[at]!)
}

const activation = fc.constantFrom<0 | 1>(0, 1)

const scan: fc.Arbitrary<ScanStep> = fc.record({
  ticket: weighted([9, 0], [5, 1], [3, 2], [1, foreign], [1, unknown]),
  direction: fc.constantFrom<Direction>("entry", "exit"),
  gate: fc.constantFrom("A", "B"),
  device: weighted([3, "scanner-1" as const], [1, "scanner-2" as const]),
  naming: weighted<Naming>([8, "printed"], [2, "typed"], [2, "number"], [2, "both"], [1, "mixed"]),
  flaw: weighted<Flaw | null>([25, null], [1, "forged"], [1, "stranger"], [1, "gate"]),
  offline: weighted<"valid" | "refused" | null>([12, null], [1, "valid"], [1, "refused"]),
  again: fc.option(
    fc.record({
      of: fc.nat({ max: 11 }),
      change: weighted<Change>(
        [5, "none"],
        [1, "direction"],
        [1, "gate"],
        [1, "device"],
        [2, "ticket"]
      )
    }),
    { freq: 3 }
  )
})

const scans = fc.array(scan, { minLength: 1, maxLength: 3 })

const ofFate = (fate: Fate) => (meanwhile: fc.Arbitrary<ReadonlyArray<Step>>): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constant("scan" as const), activation, scans, fate: fc.constant(fate), meanwhile })

const quiet = fc.constant<ReadonlyArray<Step>>([])

const annul = fc.record({
  do: fc.constant("annul" as const),
  of: fc.nat({ max: 11 }),
  sameDevice: weighted([4, true], [1, false])
})

const spoil = fc.record({
  do: fc.constant("spoil" as const),
  ticket: fc.nat({ max: tickets - 1 }),
  how: fc.constantFrom("voided" as const, "unpaid" as const)
})

const resize = fc.record({
  do: fc.constant("resize" as const),
  places: fc.integer({ min: 0, max: tickets })
})

const wait = fc.record({
  do: fc.constant("wait" as const),
  seconds: weighted([2, 1], [2, 60], [1, 899], [1, 901])
})

const restart = fc.record({ do: fc.constant("restart" as const), activation })

const meanwhile = fc.array(
  fc.oneof(
    { arbitrary: ofFate("answered")(quiet), weight: 6 },
    { arbitrary: annul, weight: 3 },
    { arbitrary: spoil, weight: 1 },
    { arbitrary: resize, weight: 1 }
  ),
  { minLength: 1, maxLength: 3 }
)

const step = fc.oneof(
  { arbitrary: ofFate("answered")(quiet), weight: 9 },
  { arbitrary: ofFate("answered")(meanwhile), weight: 4 },
  { arbitrary: ofFate("lost")(quiet), weight: 2 },
  { arbitrary: ofFate("crashed")(quiet), weight: 1 },
  { arbitrary: annul, weight: 3 },
  { arbitrary: spoil, weight: 1 },
  { arbitrary: resize, weight: 1 },
  { arbitrary: wait, weight: 1 },
  { arbitrary: restart, weight: 1 }
)

/** Four to twelve steps. */
export const history: fc.Arbitrary<History> = fc.record({
  reentry: fc.boolean(),
  places: fc.integer({ min: 1, max: tickets }),
  steps: fc.array(step, { minLength: 4, maxLength: 12 })
})
