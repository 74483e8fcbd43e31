/** Decides batches of scans of one event: read, decide, write; again when another owner was faster. */
import { DateTime, Effect, Option, Schema } from "effect"
import type { AdmitRequest, Verdict } from "../../rpc/Scan.ts"
import { ScanStore } from "../store/ScanStore.ts"
import { decideBatch } from "./Batch.ts"
import { DeviceWatch } from "./DeviceWatch.ts"

/** Rounds that hope to be alone; after them the event's other gates are made to wait. */
const hopeful = 3

/** Rounds in all: even alone, a ticket can be voided between the read and the write. */
const rounds = 10

/** The tickets of a batch kept changing while it was decided; the scans may be sent again. */
export class GateContended
  extends Schema.TaggedError<GateContended>()("GateContended", { event_id: Schema.Int }) {}

/** `admit` answers each scan in its place; a batch is written whole or fails whole. */
export interface Gatekeeper {
  readonly admit: (scans: ReadonlyArray<AdmitRequest>) => Effect.Effect<ReadonlyArray<Verdict>>
}

/** The gate of one event. Nothing it remembers decides: two of them on one database never contradict each other. */
export const make = Effect.fnUntraced(
  function* (eventId: number): Effect.fn.Return<Gatekeeper, never, ScanStore> {
    const store = yield* ScanStore
    const watch = new DeviceWatch()

    const round = Effect.fnUntraced(function* (scans: ReadonlyArray<AdmitRequest>) {
      const snapshot = yield* store.load(eventId, scans)
      const now = yield* DateTime.now
      const isSuspect = (deviceId: string) => watch.isSuspect(deviceId, now)
      const { verdicts, writes } = decideBatch(eventId, snapshot, scans, now, isSuspect)
      const written = writes.lines.length === 0 || (yield* store.commit(eventId, writes))
      if (!written) return Option.none()
      writes.lines.forEach(({ scan, verdict }) => watch.note(scan.deviceId, verdict))
      return Option.some(verdicts)
    })

    const admit = Effect.fn("Gatekeeper.admit")(function* (scans: ReadonlyArray<AdmitRequest>) {
      yield* Effect.annotateCurrentSpan({ event_id: eventId, scans: scans.length })
      for (let attempt = 1; attempt <= rounds; attempt++) {
        const verdicts = yield* attempt <= hopeful ? round(scans) : store.alone(eventId, round(scans))
        if (Option.isSome(verdicts)) return verdicts.value
      }
      return yield* Effect.die(new GateContended({ event_id: eventId }))
    })

    return { admit }
  }
)
