/** What a gate is, in the fewest words: who is inside, what was said, what was annulled. */
import type { AnnulRefusal } from "../../../rpc/Event.ts"
import type { AdmitRequest, Direction, ScanResult } from "../../../rpc/Scan.ts"
import { type Flaw, foreign, unknown } from "./GateHistory.ts"

/** A scan as the model reads it: the ticket's place in the list, and the request that the gate reads. */
export interface ModelScan {
  readonly request: AdmitRequest
  readonly ticket: number
  readonly flaw: Flaw | null
}

/** What may become of a ticket. */
export type Standing = "good" | "voided" | "unpaid"

interface Holder {
  readonly standing: Standing
  readonly entries: number
  readonly inside: boolean
}

interface Said {
  readonly result: ScanResult
  readonly ticket: number | null
  readonly direction: Direction
  readonly device: string
  readonly at: number
  readonly annulled: boolean
}

const flaws = { forged: "forged", stranger: "operator_forbidden", gate: "gate_forbidden" } as const

const annullableMillis = 15 * 60 * 1_000

const fresh: Holder = { standing: "good", entries: 0, inside: false }

/** A gate without a database, a batch or a rival: one scan at a time. */
export class GateModel {
  readonly reentry: boolean
  places: number
  readonly holders = new Map<number, Holder>()
  readonly said = new Map<string, Said>()
  /** The scans that moved each ticket and were not annulled, in their order. */
  readonly moves = new Map<number, ReadonlyArray<string>>()

  constructor(reentry: boolean, places: number) {
    this.reentry = reentry
    this.places = places
  }

  /** The same gate at this moment, to go its own way. */
  copy(): GateModel {
    const model = new GateModel(this.reentry, this.places)
    for (const [ticket, holder] of this.holders) model.holders.set(ticket, holder)
    for (const [id, said] of this.said) model.said.set(id, said)
    for (const [ticket, ids] of this.moves) model.moves.set(ticket, ids)
    return model
  }

  get inside(): number {
    let inside = 0
    for (const holder of this.holders.values()) if (holder.inside) inside++
    return inside
  }

  get entered(): number {
    let entered = 0
    for (const { entries } of this.holders.values()) entered += entries
    return entered
  }

  holder(ticket: number): Holder {
    return this.holders.get(ticket) ?? fresh
  }

  spoil(ticket: number, how: Standing): void {
    const holder = this.holder(ticket)
    this.holders.set(ticket, { ...holder, standing: holder.standing === "voided" ? "voided" : how })
  }

  /** What a scan that nobody sent before is answered. */
  decide({ flaw, request: { claimed, direction, source }, ticket }: ModelScan): ScanResult {
    if (flaw !== null) return flaws[flaw]
    if (ticket === unknown) return "unknown_ticket"
    if (ticket === foreign) return "wrong_event"
    const { entries, inside, standing } = this.holder(ticket)
    const leaves = direction === "exit" && inside
    if (!leaves) {
      if (standing !== "good") return standing
      if (direction === "exit") return "not_inside"
      if (inside || (entries > 0 && !this.reentry)) return "already_used"
      if (this.inside >= this.places) return "capacity_reached"
    }
    return source === "batch" && claimed === "refused" ? "refused_offline" : "valid"
  }

  /** Takes note of a scan that was decided so at this time. */
  note(
    { flaw, request: { deviceId, direction, scanId }, ticket }: ModelScan,
    result: ScanResult,
    at: number
  ) {
    const known = flaw === null && ticket !== unknown && ticket !== foreign
    this.said.set(scanId, {
      result,
      ticket: known ? ticket : null,
      direction,
      device: deviceId,
      at,
      annulled: false
    })
    if (result !== "valid") return
    const { entries, standing } = this.holder(ticket)
    const inside = direction === "entry"
    this.holders.set(ticket, { standing, inside, entries: inside ? entries + 1 : entries })
    this.moves.set(ticket, [...this.moves.get(ticket) ?? [], scanId])
  }

  /** Answers a scan, once for all under its id, but whoever may not scan here is told nothing of it; a verdict on one ticket or direction is not given for another, nor to another device. */
  answer(scan: ModelScan, at: number): ScanResult {
    const said = this.said.get(scan.request.scanId)
    if (said === undefined) {
      const result = this.decide(scan)
      this.note(scan, result, at)
      return result
    }
    if (scan.flaw === "stranger" || scan.flaw === "gate") return flaws[scan.flaw]
    if (said.ticket !== null && said.ticket !== scan.ticket) return "scan_id_reused"
    if (said.direction !== scan.request.direction) return "scan_id_reused"
    if (said.device !== scan.request.deviceId) return "scan_id_reused"
    return said.annulled ? "scan_annulled" : said.result
  }

  /** Takes a scan back, or says why not. */
  annul(scanId: string, device: string, now: number): "annulled" | "not_found" | AnnulRefusal {
    const said = this.said.get(scanId)
    if (said === undefined) return "not_found"
    if (said.device !== device) return "another_device"
    if (said.annulled) return "annulled"
    if (said.result !== "valid" || said.ticket === null) return "not_admitted"
    if (now - said.at > annullableMillis) return "too_late"
    const moves = this.moves.get(said.ticket) ?? []
    if (moves.at(-1) !== scanId) return "moved_since"
    const entry = said.direction === "entry"
    if (!entry && this.inside >= this.places) return "capacity_reached"
    const { entries, standing } = this.holder(said.ticket)
    this.holders.set(said.ticket, { standing, inside: !entry, entries: entry ? entries - 1 : entries })
    this.moves.set(said.ticket, moves.slice(0, -1))
    this.said.set(scanId, { ...said, annulled: true })
    return "annulled"
  }
}
