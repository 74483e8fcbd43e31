/**
 * What happened, happened: ten thousand evenings with devices that are cut off, wrong clocks, a full house, voided and
 * unpaid tickets and an event that is called off. Once every device has uploaded, the counters are the people.
 * Guards whose removal turns this file red: the entry against the rules (`asItHappened`), its count beside `inside`, the
 * people whom an online admission counts, the one less of an exit, and that an entry needs an unused ticket.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import * as fc from "fast-check"
import type { Verdict } from "../../../rpc/Scan.ts"
import { decideBatch } from "../../../src/gate/Batch.ts"
import type { GateTicket, Snapshot } from "../../../src/gate/GateState.ts"
import { digestOf } from "../../../src/gate/offline/OfflineBundle.ts"
import { decideOffline, stateOf } from "../../../src/gate/offline/OfflineDecision.ts"
import { scanOf } from "../../support/GateFixture.ts"
import { gateSnapshot } from "../../support/GateSnapshot.ts"

const devices = 3
const tickets = 5
const places = 3
const start = Date.parse("2025-06-20T19:00:00Z")
const hour = 3_600_000

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant("show" as const),
      at: fc.constantFrom(null, 0, 1, 2),
      ticket: fc.nat({ max: tickets - 1 }),
      direction: fc.constantFrom("entry" as const, "entry" as const, "exit" as const),
      wavedIn: fc.boolean()
    })
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("upload" as const), device: fc.nat({ max: devices - 1 }) })
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("sync" as const), device: fc.nat({ max: devices - 1 }) })
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("spoil" as const),
      ticket: fc.nat({ max: tickets - 1 }),
      how: fc.constantFrom("voided" as const, "unpaid" as const, "paid" as const)
    })
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("event" as const), status: fc.constantFrom("active", "canceled") })
  }
)

const evening = fc.record({
  reentry: fc.boolean(),
  doors: fc.boolean(),
  clocks: fc.array(fc.constantFrom(0, 0, -start, -2 * hour, 10 * hour), {
    minLength: devices,
    maxLength: devices
  }),
  steps: fc.array(step, { maxLength: 40 })
})

interface Kept {
  readonly code: string
  readonly direction: "entry" | "exit"
  readonly claimed: string
  readonly timestamp: number
  readonly id: string
}

/** One evening: whoever passes is counted by hand, and what each verdict did to the tables is applied as it is written. */
class Evening {
  readonly own: Snapshot
  readonly tickets: Map<number, GateTicket>
  status: "active" | "canceled" = "active"
  inside = 0
  letIn = 0
  came = 0
  now = start
  /** The people who are inside, by ticket; known to the counters once they are uploaded. */
  readonly people = new Map<string, number>()
  readonly valid = new Map<string, number>()
  readonly known: Array<ReadonlyMap<string, ReturnType<typeof stateOf>>>
  readonly kept: Array<Array<Kept>>
  readonly clocks: ReadonlyArray<number>
  readonly event: NonNullable<Snapshot["event"]>
  made = 0

  constructor(
    { clocks, doors, reentry }: { clocks: ReadonlyArray<number>; doors: boolean; reentry: boolean }
  ) {
    this.own = gateSnapshot({ maxAttendees: places, reentry, tickets })
    this.event = {
      ...this.own.event!,
      doorsOpenAt: doors ? DateTime.makeUnsafe(start - hour) : null,
      doorsCloseAt: doors ? DateTime.makeUnsafe(start + hour) : null
    }
    this.tickets = new Map(this.own.tickets.map((ticket) => [ticket.ticketId, ticket]))
    this.clocks = clocks
    this.known = clocks.map(() => this.states())
    this.kept = clocks.map(() => [])
  }

  states() {
    return new Map([...this.tickets.values()].map((ticket) => [digestOf(1, ticket.code), stateOf(ticket)]))
  }

  decide(scans: ReadonlyArray<ReturnType<typeof scanOf>>): ReadonlyArray<Verdict> {
    const snapshot: Snapshot = {
      event: { ...this.event, status: this.status },
      inside: this.inside,
      letIn: this.letIn,
      tickets: [...this.tickets.values()],
      given: []
    }
    const { verdicts, writes } = decideBatch(1, snapshot, scans, DateTime.makeUnsafe(this.now))
    for (const { after } of writes.moves) this.tickets.set(after.ticketId, { ...after, refusals: [] })
    const before = this.inside + this.letIn
    this.inside += writes.occupancy.delta
    this.letIn += writes.letIn.inside
    this.came += writes.letIn.came
    assert.isAtMost(this.inside, places)
    const people = writes.letIn.peak
    if (people !== null) assert.isAtMost(before + people, places, "An online admission is one too many")
    verdicts.forEach(({ result }, at) => {
      const { direction, ticketCode } = scans[at]!
      if (result === "valid" && direction === "entry") {
        this.valid.set(ticketCode!, (this.valid.get(ticketCode!) ?? 0) + 1)
      }
    })
    return verdicts
  }

  pass(code: string, direction: "entry" | "exit") {
    this.people.set(code, (this.people.get(code) ?? 0) + (direction === "entry" ? 1 : -1))
  }

  online(code: string, direction: "entry" | "exit") {
    const [verdict] = this.decide([scanOf(1, code, { direction })])
    if (verdict!.result === "valid") this.pass(code, direction)
  }

  /** The steward may wave somebody in whom the device refuses; out goes only whom it let in itself. */
  alone(at: number, code: string, direction: "entry" | "exit", wavedIn: boolean) {
    const timestamp = Math.max(this.now + this.clocks[at]!, 0)
    const kept = this.kept[at]!
    const balance = kept.filter((one) => one.code === code && one.claimed === "valid")
      .reduce((sum, one) => sum + (one.direction === "entry" ? 1 : -1), 0)
    if (direction === "exit" && balance === 0) return
    const event = {
      event_id: 1,
      status: "active" as const,
      timezone: "UTC",
      doors_open_at: null,
      doors_close_at: null,
      reentry: this.event.reentry,
      max_attendees: places,
      inside: 0
    }
    const { after, digest, result } = decideOffline(
      { event, keys: new Map(), states: this.known[at]!, inside: 0 },
      { ticketCode: code, qrData: null, direction, at: DateTime.makeUnsafe(timestamp) }
    )
    if (after !== null) this.known[at] = new Map(this.known[at]!).set(digest!, after)
    const claimed = result === "valid" || wavedIn || direction === "exit" ? "valid" : result
    if (claimed === "valid") this.pass(code, direction)
    kept.push({ code, direction, claimed, timestamp, id: `d${at}-${++this.made}` })
  }

  upload(at: number) {
    const scans = this.kept[at]!.toSorted((one, other) => one.timestamp - other.timestamp).map((kept) =>
      scanOf(1, kept.code, {
        scanId: kept.id,
        source: "batch",
        deviceId: `d${at}`,
        direction: kept.direction,
        claimed: kept.claimed,
        deviceTime: DateTime.makeUnsafe(kept.timestamp)
      })
    )
    this.kept[at] = []
    const verdicts = this.decide(scans)
    verdicts.forEach(({ let_in, result }, nth) => {
      const { claimed, direction } = scans[nth]!
      if (claimed === "valid") assert.isTrue(result === "valid" || let_in === true, `${direction} ${result}`)
      else assert.notStrictEqual(result, "valid")
    })
  }
}

const played = ({ steps, ...rules }: typeof evening extends fc.Arbitrary<infer A> ? A : never): Evening => {
  const one = new Evening(rules)
  for (const step of steps) {
    one.now += 60_000
    if (step.do === "upload") one.upload(step.device)
    else if (step.do === "sync") one.known[step.device] = one.states()
    else if (step.do === "event") one.status = step.status as "active" | "canceled"
    else if (step.do === "spoil") {
      const ticket = one.tickets.get(step.ticket + 1)!
      one.tickets.set(
        ticket.ticketId,
        step.how === "voided" ? { ...ticket, status: "voided" } : {
          ...ticket,
          paymentState: step.how === "paid" ? "paid" : "pending"
        }
      )
    } else {
      const { code } = one.tickets.get(step.ticket + 1)!
      if (step.at === null) one.online(code, step.direction)
      else one.alone(step.at, code, step.direction, step.wavedIn)
    }
  }
  for (let at = 0; at < devices; at++) one.upload(at)
  return one
}

describe("ten thousand evenings with devices that were alone", () => {
  it("end with counters that are the people, by ticket and in all", () => {
    let against = 0
    fc.assert(
      fc.property(evening, (evening) => {
        const one = played(evening)
        const people = [...one.people.values()].reduce((sum, count) => sum + count, 0)
        assert.strictEqual(one.inside + one.letIn, people)
        for (const { code, inside, letIn } of one.tickets.values()) {
          assert.strictEqual((inside ? 1 : 0) + letIn, one.people.get(code) ?? 0, code)
        }
        against += one.came
      }),
      { seed: 20_250_620, numRuns: 10_000 }
    )
    assert.isAbove(against, 5_000)
  })

  it("hold no ticket good twice where nobody may come back, and none good that somebody came in on", () => {
    fc.assert(
      fc.property(evening.map((one) => ({ ...one, reentry: false })), (evening) => {
        const one = played(evening)
        for (const times of one.valid.values()) assert.isAtMost(times, 1)
        one.status = "active"
        for (const { code, entries } of [...one.tickets.values()]) {
          const [verdict] = one.decide([scanOf(1, code, { deviceId: "another" })])
          if (entries > 0) assert.notStrictEqual(verdict!.result, "valid")
        }
      }),
      { seed: 20_250_621, numRuns: 10_000 }
    )
  })
})
