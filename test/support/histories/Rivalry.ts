/**
 * Plays a history by two activations that really run at once: the journal says in which order they wrote, and the
 * model follows the journal.
 */
import { assert } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import type { AdmitRequest, ScanResult, Verdict } from "../../../rpc/Scan.ts"
import { consistent } from "./Consistency.ts"
import { Devices } from "./Devices.ts"
import { foreign, type History, type Message, type Step, unknown } from "./GateHistory.ts"
import { GateModel, type ModelScan } from "./GateModel.ts"
import type { JournalLine, Premises } from "./Premises.ts"

/** The scans of one message to one activation. */
export type Send = (scans: ReadonlyArray<AdmitRequest>) => Effect.Effect<ReadonlyArray<Verdict | null>>

interface Told {
  readonly scan: ModelScan
  readonly verdict: Verdict | null | undefined
}

/** The messages of a step, those between its decision and its write too: all of them are sent at once. */
const messagesOf = (step: Message): ReadonlyArray<Message> => [
  step,
  ...step.meanwhile.flatMap((inner) =>
    inner.do === "scan" ? [{ ...inner, activation: step.activation === 0 ? 1 as const : 0 as const }] : []
  )
]

const isKnown = ({ flaw, ticket }: ModelScan) => flaw === null && ticket !== unknown && ticket !== foreign

/** Whether the scan can have been decided so by the time it stands in the journal. */
const fits = (model: GateModel, scan: ModelScan, result: ScanResult): boolean => {
  if (result === "valid" || !isKnown(scan)) return model.decide(scan) === result
  const { entries, standing } = model.holder(scan.ticket)
  if (scan.request.direction === "entry" && standing !== "good") return result === standing
  return result !== "already_used" || entries > 0
}

class Rivalry {
  readonly model: GateModel
  readonly devices: Devices
  readonly premises: Premises
  readonly rivals: Array<Send> = []
  /** Everything that was ever sent under a scan id: the journal says which of them was first. */
  readonly tried = new Map<string, Array<ModelScan>>()
  followed = 0
  changed = false

  constructor({ places, reentry }: History, premises: Premises) {
    this.model = new GateModel(reentry, places)
    this.premises = premises
    this.devices = new Devices(premises)
  }

  #ask(at: 0 | 1, scans: ReadonlyArray<ModelScan>): Effect.Effect<ReadonlyArray<Told>> {
    return Effect.map(
      Effect.suspend(() => this.rivals[at]!(scans.map(({ request }) => request))),
      (verdicts) => scans.map((scan, nth) => ({ scan, verdict: verdicts[nth] }))
    )
  }

  /** A device without an answer does not wait long: it asks the other activation too. */
  #send({ activation, fate, scans: steps }: Message): Effect.Effect<ReadonlyArray<Told>> {
    const scans = steps.map((step) => this.devices.scan(step))
    for (const scan of scans) {
      const { scanId } = scan.request
      this.tried.set(scanId, [...this.tried.get(scanId) ?? [], scan])
    }
    const here = this.#ask(activation, scans)
    const there = this.#ask(activation === 0 ? 1 : 0, scans)
    if (fate === "answered") return here
    if (fate === "lost") {
      return Effect.map(Effect.all([here, there], { concurrency: 2 }), (told) => told.flat())
    }
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(here, { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      return yield* there
    })
  }

  /** Several scans may have been sent under one id at once: the line is of one that it fits. */
  #follow({ deviceId, direction, result, scanId, ticketId }: JournalLine): void {
    const { codes } = this.premises
    const scan = this.tried.get(scanId)?.find((one) =>
      one.request.direction === direction && one.request.deviceId === deviceId &&
      (isKnown(one) ? codes[one.ticket]!.id : null) === ticketId &&
      fits(this.model, one, result)
    )
    if (scan === undefined) {
      return assert.fail(`${scanId} of ${deviceId} cannot be ${result} as an ${direction} of ${ticketId}`)
    }
    this.model.note(scan, result, Number.MAX_SAFE_INTEGER)
  }

  *clash(messages: ReadonlyArray<Message>) {
    const told = yield* Effect.all(messages.map((message) => this.#send(message)), {
      concurrency: "unbounded"
    })
    const { journal } = yield* this.premises.account()
    for (const line of journal.slice(this.followed)) this.#follow(line)
    this.followed = journal.length
    for (const { scan, verdict } of told.flat()) {
      assert.strictEqual(verdict?.result, this.model.answer(scan, 0), scan.request.scanId)
    }
  }

  *apart(step: Exclude<Step, Message>, activate: Effect.Effect<Send, never, Scope.Scope>) {
    const { codes } = this.premises
    switch (step.do) {
      case "annul": {
        const scan = this.devices.earlier(step.of)
        if (scan === undefined) return
        this.changed = true
        const by = step.sameDevice ? scan.request.deviceId : "scanner-9"
        const answer = yield* this.premises.annul(scan.request, by)
        return assert.strictEqual(answer, this.model.annul(scan.request.scanId, by, 0), scan.request.scanId)
      }
      case "spoil":
        this.model.spoil(step.ticket, step.how)
        return yield* this.premises.spoil(codes[step.ticket]!.id, step.how)
      case "resize":
        this.changed = true
        this.model.places = step.places
        return yield* this.premises.resize(step.places)
      case "restart":
        this.rivals[step.activation] = yield* activate
    }
  }

  *end({ places, reentry }: History) {
    const account = yield* this.premises.account()
    consistent(account, { places: this.changed ? null : places, reentry })
    assert.deepStrictEqual([account.inside, account.journal.length], [
      this.model.inside,
      this.model.said.size
    ])
  }
}

/** Fails where a journal or an answer cannot be, whatever the order in which the two were served. */
export const compete = Effect.fnUntraced(
  function* (
    history: History,
    premises: Premises,
    activate: readonly [Effect.Effect<Send, never, Scope.Scope>, Effect.Effect<Send, never, Scope.Scope>]
  ) {
    const rivalry = new Rivalry(history, premises)
    for (const start of activate) rivalry.rivals.push(yield* start)
    let messages: Array<Message> = []
    for (const step of history.steps) {
      if (step.do === "scan") messages.push(...messagesOf(step))
      else {
        yield* rivalry.clash(messages)
        messages = []
        yield* rivalry.apart(step, activate[step.do === "restart" ? step.activation : 0])
      }
    }
    yield* rivalry.clash(messages)
    yield* rivalry.end(history)
  }
)
