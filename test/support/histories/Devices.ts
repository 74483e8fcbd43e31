/** The devices of an event: what they send for a step, and what they sent before. */
import type { AdmitRequest } from "../../../rpc/Scan.ts"
import { type ScanStep, unknown } from "./GateHistory.ts"
import type { ModelScan } from "./GateModel.ts"
import type { Premises } from "./Premises.ts"

const anybody = { operatorId: "operator-1", events: null, gates: null, known: true }
const operators = { stranger: { ...anybody, known: false }, gate: { ...anybody, gates: ["Z"] } } as const

const nobodys = { id: 999_999_999, code: "TKT-000-NOBODY" }

/** Their scan ids count from 0 after the event's number. */
export class Devices {
  readonly sent: Array<ModelScan> = []
  readonly place: Pick<Premises, "codes" | "eventId">

  constructor(place: Pick<Premises, "codes" | "eventId">) {
    this.place = place
  }

  /** A scan that was sent before, or none while there is none. */
  earlier(of: number): ModelScan | undefined {
    return this.sent[of % this.sent.length]
  }

  #request({ device, direction, flaw, gate, naming, offline, ticket }: ScanStep): AdmitRequest {
    const { codes, eventId } = this.place
    const own = ticket === unknown ? nobodys : codes[ticket]!
    const numbers = {
      printed: null,
      typed: null,
      number: own.id,
      both: own.id,
      mixed: codes[(ticket + 1) % codes.length]!.id
    }
    const code = naming === "typed" ? own.code.toLowerCase() : own.code
    return {
      scanId: `${eventId}-${this.sent.length}`,
      eventId,
      ticketCode: naming === "number" ? null : code,
      ticketId: numbers[naming],
      forged: flaw === "forged" ? "unsigned" : null,
      deviceId: device,
      operator: flaw === "stranger" || flaw === "gate" ? operators[flaw] : anybody,
      gate,
      direction,
      deviceTime: null,
      claimed: offline,
      source: offline === null ? "client" : "batch",
      context: null
    }
  }

  /** The scan of a step; a new one is remembered. */
  scan(step: ScanStep): ModelScan {
    const made: ModelScan = {
      request: this.#request(step),
      ticket: step.naming === "mixed" ? unknown : step.ticket,
      flaw: step.flaw
    }
    const earlier = step.again === null ? undefined : this.earlier(step.again.of)
    if (step.again === null || earlier === undefined) {
      this.sent.push(made)
      return made
    }
    const { request } = earlier
    switch (step.again.change) {
      case "none":
        return earlier
      case "direction":
        return { ...earlier, request: { ...request, direction: step.direction } }
      case "gate":
        return { ...earlier, request: { ...request, gate: step.gate } }
      case "device":
        return { ...earlier, request: { ...request, deviceId: step.device } }
      case "ticket":
        return { ...made, request: { ...made.request, scanId: request.scanId } }
    }
  }
}
