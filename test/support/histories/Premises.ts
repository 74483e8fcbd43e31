/** Where a history is played: activations of one event's gate, and everything that happens to the event beside them. */
import type { Effect } from "effect"
import type { AnnulRefusal } from "../../../rpc/Event.ts"
import type { AdmitRequest, Direction, ScanResult, Verdict } from "../../../rpc/Scan.ts"
import type { Fate } from "./GateHistory.ts"

/** Work that is plain in memory and asks for effects over a database: one history is written for both. */
export type Work<A> = Generator<Effect.Effect<unknown>, A, unknown>

/** What befalls a message: `read` is told when the tables are read, `beforeWrite` happens once, before the first write. */
export interface Circumstances {
  readonly fate: Fate
  readonly read: (at: number) => void
  readonly beforeWrite: () => Work<void>
}

/** One activation of the event: verdicts, or how its caller was left without any. */
export type Activation = (
  scans: ReadonlyArray<AdmitRequest>,
  circumstances: Circumstances
) => Work<ReadonlyArray<Verdict> | "lost" | "crashed">

/** What an annulment is answered. */
export type AnnulAnswer = "annulled" | "not_found" | AnnulRefusal

/** A line of the journal. */
export interface JournalLine {
  readonly scanId: string
  readonly deviceId: string
  readonly ticketId: number | null
  readonly direction: Direction
  readonly result: ScanResult
  readonly annulled: boolean
}

/** What is stored at the end: the journal in its order, the tickets in theirs, and the occupancy. */
export interface Account {
  readonly journal: ReadonlyArray<JournalLine>
  readonly tickets: ReadonlyArray<{
    readonly ticketId: number
    readonly inside: boolean
    readonly entries: number
    readonly firstScanId: string | null
  }>
  readonly inside: number
  readonly entered: number
}

/** One event; the last of `codes` is a ticket of another event. */
export interface Premises {
  readonly eventId: number
  readonly codes: ReadonlyArray<{ readonly id: number; readonly code: string }>
  readonly now: () => Work<number>
  readonly activate: () => Work<Activation>
  readonly annul: (scan: AdmitRequest, deviceId: string) => Work<AnnulAnswer>
  readonly spoil: (ticketId: number, how: "voided" | "unpaid") => Work<void>
  readonly resize: (places: number) => Work<void>
  readonly wait: (seconds: number) => Work<void>
  readonly account: () => Work<Account>
}
