/** Answers for gates without a network. */
import { DateTime, Effect, Option, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { digestRecipe } from "../../gate/offline/OfflineBundle.ts"
import type { Decided } from "../../gate/offline/OfflineConflicts.ts"
import { OfflineCursor } from "../../gate/offline/OfflineCursor.ts"
import { conflictsAmong, decideUpload } from "./OfflineIntake.ts"
import type { OfflineUpload } from "../../gate/offline/OfflineUpload.ts"
import { permissionOf } from "../../gate/Operators.ts"
import { unreached, unreachedResult, UnreachedScans } from "../../gate/Unreached.ts"
import { localeOf } from "../../../rpc/values/AcceptLanguage.ts"
import { ScanBatcher } from "./ScanBatcher.ts"
import { BundleStore } from "../../gate/offline/BundleStore.ts"
import { EntryStore } from "../../gate/offline/EntryStore.ts"
import { EventNumbers } from "../../store/EventNumbers.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { OfflineGroup, pageLimit } from "./OfflineApi.ts"
import type { Caller } from "../../../rpc/values/Caller.ts"
import { CurrentCaller, reachesGate } from "../rules/CurrentCaller.ts"
import { noStore } from "../../http/NoStore.ts"
import { Forbidden, InvalidRequest } from "../../http/Problems.ts"
import { missing } from "../rules/Visible.ts"
import { reach } from "../rules/OwnEvent.ts"
import { scannedEvent } from "./ScannedEvent.ts"
import { configuredGate, gateName } from "../../../rpc/values/GateName.ts"
import type { EventNumber } from "../../../rpc/values/Ids.ts"

const encodeCursor = Schema.encodeSync(OfflineCursor)

/** A bundle is for whoever may scan at that gate of an event that it reaches. */
const standsAt = Effect.fnUntraced(function* (caller: Caller, number: EventNumber, gate: string) {
  const event = yield* reach(yield* EventNumbers)(caller, number)
  if (Option.isNone(event)) return yield* missing("event")
  if (reachesGate(caller, gate)) return event.value.event_id
  return yield* new Forbidden({
    detail: `Use a token for gate ${gate} of event ${number}: yours is for others.`
  })
})

const anotherEvent = new InvalidRequest({
  detail: "The cursor is of another event: ask without a cursor for this one's first page.",
  errors: [{ in: "query", parameter: "cursor", detail: "Expected a cursor of this event's bundle." }]
})

const bundle = Effect.fn("OfflineHttp.bundle")(function* (
  number: EventNumber,
  { cursor, gate, limit }: {
    readonly gate: string
    readonly cursor?: OfflineCursor
    readonly limit?: number
  }
) {
  const caller = yield* CurrentCaller
  const eventId = yield* standsAt(caller, number, gate)
  if (cursor !== undefined && cursor.eventId !== eventId) return yield* anotherEvent
  const found = yield* (yield* BundleStore).page({
    eventId,
    cursor: cursor ?? null,
    limit: limit ?? pageLimit.usual
  })
  if (Option.isNone(found)) return yield* missing("event")
  const { event, full, more, rules, tickets, cursor: next } = found.value
  return {
    event,
    gate: configuredGate(caller.gates ?? [], gate) ?? gateName(gate),
    gate_rules: rules,
    keys: (yield* SigningKeys).keySet,
    digest_recipe: digestRecipe,
    tickets,
    generated_at: yield* DateTime.now,
    full,
    more,
    cursor: encodeCursor(next)
  }
})

const summaryOf = (decided: ReadonlyArray<Decided>): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { verdict: { result } } of decided) counts[result] = (counts[result] ?? 0) + 1
  return counts
}

/** Nothing of it reaches an event: each scan is answered so, and none is kept. */
const unreachedUpload = Effect.fnUntraced(function* (caller: Caller, upload: OfflineUpload) {
  const now = yield* DateTime.now
  const result = unreachedResult(caller)
  return upload.scans.map((scan): Decided => {
    const { gate, result: claimed, scan_id: scanId, scan_location, timestamp } = scan
    const place = { direction: scan.direction ?? "entry", gate: gate ?? scan_location?.gate ?? "" } as const
    const verdict = unreached(upload.event_id, { scanId, ...place }, result, now)
    return {
      scan: { ...place, claimed, deviceId: upload.scanner_id, deviceTime: timestamp, source: "batch" },
      verdict
    }
  })
})

const upload = Effect.fn("OfflineHttp.upload")(
  function* (body: OfflineUpload, acceptLanguage: string | undefined) {
    const caller = yield* CurrentCaller
    const event = yield* (yield* scannedEvent)(caller, body.event_id, body.scans.length)
    const decided = Option.isNone(event)
      ? yield* unreachedUpload(caller, body)
      : yield* decideUpload(body, event.value.event_id, permissionOf(caller, event.value.event_id))
    return {
      event_id: body.event_id,
      verdicts: decided.map(({ verdict }) => verdict),
      conflicts: yield* conflictsAmong(decided, body.event_id, localeOf(acceptLanguage)),
      summary: summaryOf(decided)
    }
  }
)

export const OfflineHttpLayer = HttpApiBuilder.group(
  apiOf(OfflineGroup),
  "offline",
  Effect.fn(function* (handlers) {
    const services = yield* Effect.context<
      BundleStore | EntryStore | EventNumbers | SigningKeys | ScanBatcher | UnreachedScans
    >()
    return handlers.handleAll({
      bundle: ({ params, query }) => noStore(Effect.provideContext(bundle(params.event_id, query), services)),
      upload: ({ headers, payload }) =>
        Effect.provideContext(upload(payload, headers["accept-language"]), services)
    })
  })
)
