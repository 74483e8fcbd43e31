/** The event of a scan: organisers learn nothing of others' events, and a steward's scan that reaches none is counted. */
import { Effect, Option } from "effect"
import type { Caller } from "../../../rpc/values/Caller.ts"
import type { EventNumber } from "../../../rpc/values/Ids.ts"
import { UnreachedScans } from "../../gate/Unreached.ts"
import { EventNumbers } from "../../store/EventNumbers.ts"
import { reach } from "../rules/OwnEvent.ts"
import { missing } from "../rules/Visible.ts"

/** 404 for an organiser, and none for a steward or an admin, whose scans get a verdict all the same. */
export const scannedEvent = Effect.gen(function* () {
  const reached = reach(yield* EventNumbers)
  const { count } = yield* UnreachedScans
  return Effect.fnUntraced(function* (caller: Caller, number: EventNumber, scans = 1) {
    const event = yield* reached(caller, number)
    if (Option.isNone(event)) {
      yield* count(caller.tokenId, scans)
      if (caller.role === "organizer") return yield* missing("event")
    }
    return event
  })
})
