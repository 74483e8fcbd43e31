/** Decides an upload: in the order in which its scans happened, in groups, with the gates' live scans in between. */
import { Array, Cause, Effect, Exit } from "effect"
import { type AdmitRequest, batchLimit, type Permission } from "../../../rpc/Scan.ts"
import type { EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import type { Locale } from "../../../rpc/values/Values.ts"
import { EntryStore } from "../../gate/offline/EntryStore.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { clashes, conflictOf, countedOf, type Decided } from "../../gate/offline/OfflineConflicts.ts"
import {
  asTheyHappened,
  fromUpload,
  type OfflineScan,
  type OfflineUpload
} from "../../gate/offline/OfflineUpload.ts"
import { ScanBatcher } from "./ScanBatcher.ts"

/** Scans whose QR is verified at a stretch: half a millisecond's work. */
const stretch = 8

/** The scans of a group for the gate; whoever else waits for this process goes first, again and again. */
const prepare = (
  upload: OfflineUpload,
  eventId: EventId,
  operator: Permission,
  group: ReadonlyArray<OfflineScan>
) =>
  Effect.flatMap(
    SigningKeys,
    ({ trusted }) =>
      Effect.forEach(Array.chunksOf(group, stretch), (some) =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => some.map((scan) => fromUpload(upload, scan, { eventId, operator, trusted })))
        )).pipe(Effect.map((parts) => parts.flat()))
  )

/** Each scan with its verdict, in the order of the upload. One that breaks fails the answer, and stops no other. */
export const decideUpload = Effect.fn("OfflineIntake.decide")(
  function* (upload: OfflineUpload, eventId: EventId, operator: Permission) {
    const { admitAll } = yield* ScanBatcher
    const decided = new Map<string, Decided>()
    const broken: Array<Exit.Exit<never>> = []
    for (const group of Array.chunksOf(asTheyHappened(upload.scans), batchLimit)) {
      const scans: ReadonlyArray<AdmitRequest> = yield* prepare(upload, eventId, operator, group)
      const verdicts = yield* Effect.exit(admitAll(scans))
      if (Exit.isSuccess(verdicts)) {
        scans.forEach((scan, at) => decided.set(scan.scanId, { scan, verdict: verdicts.value[at]! }))
      } else if (Cause.hasDies(verdicts.cause)) {
        broken.push(Exit.die(Cause.squash(verdicts.cause)))
      } else {
        return yield* Effect.failCause(verdicts.cause)
      }
    }
    yield* Effect.all(broken)
    return upload.scans.map(({ scan_id }) => decided.get(scan_id)!)
  }
)

/** The conflicts among them. */
export const conflictsAmong = Effect.fn("OfflineIntake.conflicts")(
  function* (decided: ReadonlyArray<Decided>, number: EventNumber, locale: Locale) {
    const found = clashes(decided)
    const counted = yield* (yield* EntryStore).find(found.map(countedOf))
    return found.map((clash, at) => conflictOf(clash, counted[at] ?? null, number, locale))
  }
)
