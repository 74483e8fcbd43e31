/** Answers for gates without a network. */
import { DateTime, Effect, Option, Schema } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { digestRecipe } from "../../gate/offline/OfflineBundle.ts"
import type { Decided } from "../../gate/offline/OfflineConflicts.ts"
import { OfflineCursor } from "../../gate/offline/OfflineCursor.ts"
import { conflictsAmong, decideUpload } from "./OfflineIntake.ts"
import type { OfflineUpload } from "../../gate/offline/OfflineUpload.ts"
import { Operators } from "../../gate/Operators.ts"
import { localeOf } from "../../gate/ScanAnswer.ts"
import { ScanBatcher } from "./ScanBatcher.ts"
import { BundleStore } from "../../gate/offline/BundleStore.ts"
import { EntryStore } from "../../gate/offline/EntryStore.ts"
import { EventStore } from "../../store/EventStore.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { OfflineGroup, pageLimit } from "./OfflineApi.ts"
import type { Caller } from "../../../rpc/values/Caller.ts"
import { CurrentCaller, reaches } from "../rules/CurrentCaller.ts"
import { noStore } from "../../http/NoStore.ts"
import { Forbidden, InvalidRequest } from "../../http/Problems.ts"
import { missing } from "../rules/Visible.ts"
import { reachable } from "./ScansHttp.ts"

const encodeCursor = Schema.encodeSync(OfflineCursor)

/** A bundle is for whoever may scan at that gate. */
const mayStandAt = Effect.fnUntraced(function* (caller: Caller, eventId: number, gate: string) {
  yield* reachable(caller, eventId)
  if (!reaches(caller, eventId, gate)) {
    return yield* new Forbidden({
      detail: `Use a token for gate ${gate} of event ${eventId}: yours is for others.`
    })
  }
})

const anotherEvent = new InvalidRequest({
  detail: "The cursor is of another event: ask without a cursor for this one's first page.",
  errors: [{ in: "query", parameter: "cursor", detail: "Expected a cursor of this event's bundle." }]
})

const bundle = Effect.fn("OfflineHttp.bundle")(function* (
  eventId: number,
  { cursor, gate, limit }: {
    readonly gate: string
    readonly cursor?: OfflineCursor
    readonly limit?: number
  }
) {
  yield* mayStandAt(yield* CurrentCaller, eventId, gate)
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
    gate,
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

const upload = Effect.fn("OfflineHttp.upload")(
  function* (body: OfflineUpload, acceptLanguage: string | undefined) {
    const caller = yield* CurrentCaller
    yield* reachable(caller, body.event_id)
    const operator = yield* (yield* Operators).ofCaller(caller, body.event_id)
    const decided = yield* decideUpload(body, operator)
    return {
      event_id: body.event_id,
      verdicts: decided.map(({ verdict }) => verdict),
      conflicts: yield* conflictsAmong(decided, localeOf(acceptLanguage)),
      summary: summaryOf(decided)
    }
  }
)

export const OfflineHttpLayer = HttpApiBuilder.group(
  apiOf(OfflineGroup),
  "offline",
  Effect.fn(function* (handlers) {
    const services = yield* Effect.context<
      BundleStore | EntryStore | EventStore | Operators | SigningKeys | ScanBatcher
    >()
    return handlers.handleAll({
      bundle: ({ params, query }) => noStore(Effect.provideContext(bundle(params.event_id, query), services)),
      upload: ({ headers, payload }) =>
        Effect.provideContext(upload(payload, headers["accept-language"]), services)
    })
  })
)
