/** Decides batches of scans of one event: read, decide, write; again when another owner was faster. */
import { type Cause, DateTime, Effect, Exit, Option, Schema } from "effect"
import { GateAway } from "../../rpc/Event.ts"
import type { AdmitRequest, Verdict } from "../../rpc/Scan.ts"
import { faultsOf, isOutage, logFault } from "../telemetry/Faults.ts"
import { ScanStore } from "./ScanStore.ts"
import { decideBatch } from "./Batch.ts"
import type { GateEvent } from "./GateState.ts"
import { DeviceRefusals } from "./Suspicion.ts"
import { EventId } from "../../rpc/values/Ids.ts"

/** Rounds that hope to be alone; after them the event's other gates are made to wait. */
const hopeful = 3

/** Rounds in all: even alone, a ticket can be voided between the read and the write. */
const rounds = 10

/** The tickets of a batch kept changing while it was decided; the scans may be sent again. */
export class GateContended
  extends Schema.TaggedError<GateContended>()("GateContended", { event_id: EventId }) {}

/**
 * `admit` answers each scan in its place; a batch is written whole or fails whole. `admitEach` answers null for a
 * scan that cannot be decided, and spares the others.
 */
export interface Gatekeeper {
  readonly admit: (scans: ReadonlyArray<AdmitRequest>) => Effect.Effect<ReadonlyArray<Verdict>>
  readonly admitEach: (
    scans: ReadonlyArray<AdmitRequest>
  ) => Effect.Effect<ReadonlyArray<Verdict | null>, GateAway>
}

/**
 * The gate of one event. What it remembers is never the last word: a decision on the event as it was last read is written
 * only while that is current, so two gates on one database never contradict each other.
 */
export const make = Effect.fnUntraced(
  function* (eventId: EventId): Effect.fn.Return<Gatekeeper, never, ScanStore> {
    const store = yield* ScanStore
    const devices = new DeviceRefusals()
    let lastRead: GateEvent | null = null

    const round = Effect.fnUntraced(function* (scans: ReadonlyArray<AdmitRequest>) {
      const snapshot = yield* store.load(eventId, scans)
      lastRead = snapshot.event
      const now = yield* DateTime.now
      const refusalsOf = (deviceId: string, seconds: number) => devices.refusals(deviceId, seconds, now)
      const { verdicts, writes } = decideBatch(eventId, snapshot, scans, now, refusalsOf)
      const written = writes.lines.length === 0 || (yield* store.commit(eventId, writes))
      if (!written) return Option.none()
      writes.lines.forEach(({ scan, verdict }) => devices.note(scan, verdict))
      return Option.some(verdicts)
    })

    const decideAll = Effect.fnUntraced(function* (scans: ReadonlyArray<AdmitRequest>) {
      for (let attempt = 1; attempt <= rounds; attempt++) {
        const verdicts = yield* attempt <= hopeful ? round(scans) : store.alone(eventId, round(scans))
        if (Option.isSome(verdicts)) return verdicts.value
      }
      return yield* Effect.die(new GateContended({ event_id: eventId }))
    })

    const admitFresh = Effect.fnUntraced(function* (scans: ReadonlyArray<AdmitRequest>) {
      if (lastRead === null) return new Map<string, Verdict>()
      const now = yield* DateTime.now
      const refusalsOf = (deviceId: string, seconds: number) => devices.refusals(deviceId, seconds, now)
      return yield* store.admitFresh({ eventId, event: lastRead, scans, now, refusalsOf })
    })

    const admit = Effect.fn("Gatekeeper.admit")(function* (scans: ReadonlyArray<AdmitRequest>) {
      yield* Effect.annotateCurrentSpan({ event_id: eventId, scans: scans.length })
      const fresh = yield* admitFresh(scans)
      if (fresh.size === scans.length) return scans.map(({ scanId }) => fresh.get(scanId)!)
      const others = scans.filter(({ scanId }) => !fresh.has(scanId))
      const verdicts = (yield* decideAll(others)).values()
      return scans.map(({ scanId }) => fresh.get(scanId) ?? verdicts.next().value!)
    })

    const away = (cause: Cause.Cause<never>): Effect.Effect<never, GateAway> =>
      Effect.andThen(
        Effect.logWarning("The gate cannot decide", { faults: faultsOf(cause).map(({ error }) => error) }),
        Effect.fail(new GateAway({ event_id: eventId }))
      )

    const alone = (scan: AdmitRequest): Effect.Effect<Verdict | null, GateAway> =>
      Effect.exit(admit([scan])).pipe(
        Effect.flatMap(Exit.match({
          onSuccess: ([verdict]) => Effect.succeed(verdict ?? null),
          onFailure: (cause) =>
            isOutage(cause) ? away(cause) : Effect.as(logFault("A scan could not be decided", cause), null)
        }))
      )

    const admitEach = (
      scans: ReadonlyArray<AdmitRequest>
    ): Effect.Effect<ReadonlyArray<Verdict | null>, GateAway> =>
      Effect.exit(admit(scans)).pipe(
        Effect.flatMap(Exit.match({
          onSuccess: (verdicts): Effect.Effect<ReadonlyArray<Verdict | null>, GateAway> =>
            Effect.succeed(verdicts),
          onFailure: (cause) => isOutage(cause) ? away(cause) : Effect.forEach(scans, alone)
        }))
      )

    return { admit, admitEach }
  }
)
