/** Plays a history by two activations of one event, and holds every answer against the model. */
import { assert } from "@effect/vitest"
import type { ScanResult, Verdict } from "../../../rpc/Scan.ts"
import { consistent } from "./Consistency.ts"
import { Devices } from "./Devices.ts"
import type { Fate, History, Step } from "./GateHistory.ts"
import { GateModel, type ModelScan } from "./GateModel.ts"
import type { Activation, Circumstances, Premises, Work } from "./Premises.ts"

const agree = (said: ReadonlyArray<ScanResult>, expected: ReadonlyArray<ScanResult>): void => {
  if (said.some((result, at) => result !== expected[at])) assert.deepStrictEqual(said, expected)
}

class Day {
  readonly model: GateModel
  readonly premises: Premises
  readonly activations: Array<Activation> = []
  readonly devices: Devices
  /** The first verdict that anyone received under a scan id. */
  readonly received = new Map<string, Verdict>()
  readonly answers = new Set<string>()
  unanswered: Array<ModelScan> = []
  resized = false

  constructor({ places, reentry }: History, premises: Premises) {
    this.model = new GateModel(reentry, places)
    this.premises = premises
    this.devices = new Devices(premises)
  }

  *start(activation: 0 | 1): Work<void> {
    this.activations[activation] = yield* this.premises.activate()
  }

  /** Every answer is right as things stood when it was decided, and every admission as they stand when written. */
  follow(scans: ReadonlyArray<ModelScan>, seen: GateModel, at: number): ReadonlyArray<ScanResult> {
    if (seen === this.model) return scans.map((scan) => this.model.answer(scan, at))
    return scans.map((scan) => {
      const { scanId } = scan.request
      const isNew = !seen.said.has(scanId)
      const result = seen.answer(scan, at)
      if (!isNew) return result
      if (this.model.said.has(scanId)) assert.fail(`${scanId} is decided twice`)
      if (result === "valid") assert.strictEqual(this.model.decide(scan), "valid", scanId)
      this.model.note(scan, result, at)
      return result
    })
  }

  /** Whoever asks under the same id is told the same; whoever may not scan here is refused anew. */
  receive({ flaw }: ModelScan, verdict: Verdict): void {
    this.answers.add(verdict.result)
    if (flaw === "stranger" || flaw === "gate") return
    if (verdict.result === "scan_id_reused" || verdict.result === "scan_annulled") return
    const first = this.received.get(verdict.scan_id)
    if (first === undefined) this.received.set(verdict.scan_id, verdict)
    else if (first !== verdict) assert.deepStrictEqual(verdict, first)
  }

  *admit(at: 0 | 1, scans: ReadonlyArray<ModelScan>, fate: Fate, meanwhile: ReadonlyArray<Step>): Work<void> {
    // deno-lint-ignore no-this-alias
    const day = this
    let seen = day.model
    let readAt = 0
    let happened = meanwhile.length === 0
    const circumstances: Circumstances = {
      fate,
      read(at) {
        readAt = at
        seen = happened ? day.model : day.model.copy()
      },
      *beforeWrite() {
        if (happened) return
        happened = true
        for (const step of meanwhile) {
          yield* day.take(step.do === "scan" ? { ...step, activation: at === 0 ? 1 : 0 } : step)
        }
      }
    }
    const answer = yield* day.activations[at]!(scans.map(({ request }) => request), circumstances)
    if (answer !== "crashed") {
      const expected = day.follow(scans, seen, readAt)
      if (answer !== "lost") {
        agree(answer.map(({ result }) => result), expected)
        for (const [at, scan] of scans.entries()) day.receive(scan, answer[at]!)
      }
    }
    yield* circumstances.beforeWrite()
    if (answer !== "crashed" && answer !== "lost") return
    day.unanswered.push(...scans)
    yield* day.start(at)
  }

  /** A device that has no answer sends the same scan again, to whoever is there. */
  *askAgain(at: 0 | 1): Work<void> {
    const scans = this.unanswered
    this.unanswered = []
    if (scans.length > 0) yield* this.admit(at, scans, "answered", [])
  }

  *annul(of: number, sameDevice: boolean): Work<void> {
    const scan = this.devices.earlier(of)
    if (scan === undefined) return
    const { deviceId, scanId } = scan.request
    const by = sameDevice ? deviceId : "scanner-9"
    const answer = yield* this.premises.annul(scan.request, by)
    const expected = this.model.annul(scanId, by, yield* this.premises.now())
    if (answer !== expected) assert.strictEqual(answer, expected, scanId)
    this.answers.add(`annul: ${answer}`)
  }

  *take(step: Step): Work<void> {
    switch (step.do) {
      case "scan":
        return yield* this.admit(
          step.activation,
          step.scans.map((one) => this.devices.scan(one)),
          step.fate,
          step.meanwhile
        )
      case "annul":
        return yield* this.annul(step.of, step.sameDevice)
      case "spoil":
        this.model.spoil(step.ticket, step.how)
        return yield* this.premises.spoil(this.premises.codes[step.ticket]!.id, step.how)
      case "resize":
        this.resized = true
        this.model.places = step.places
        return yield* this.premises.resize(step.places)
      case "wait":
        return yield* this.premises.wait(step.seconds)
      case "restart":
        return yield* this.start(step.activation)
    }
  }

  *end({ places, reentry }: History): Work<void> {
    yield* this.askAgain(0)
    const account = yield* this.premises.account()
    const changed = this.resized || account.journal.some(({ annulled }) => annulled)
    consistent(account, { places: changed ? null : places, reentry })
    if (account.inside !== this.model.inside) assert.strictEqual(account.inside, this.model.inside)
    if (account.journal.length !== this.model.said.size) {
      assert.lengthOf(account.journal, this.model.said.size)
    }
  }
}

/** Fails where the gate and the model disagree, or where the journal contradicts itself; answers what was answered. */
export function* play(history: History, premises: Premises): Work<ReadonlySet<string>> {
  const day = new Day(history, premises)
  yield* day.start(0)
  yield* day.start(1)
  for (const [at, step] of history.steps.entries()) {
    yield* day.askAgain(at % 2 === 0 ? 0 : 1)
    yield* day.take(step)
  }
  yield* day.end(history)
  return day.answers
}
