/** The event of a scan, and its decision: organisers learn nothing of others' events, and a steward's scan that reaches none is counted. */
import { Clock, DateTime, Effect, Option } from "effect"
import type { Caller } from "../../../rpc/values/Caller.ts"
import type { EventNumber } from "../../../rpc/values/Ids.ts"
import { permissionOf } from "../../gate/Operators.ts"
import { scanAnswer, shown } from "../../gate/ScanAnswer.ts"
import { fromDevice, type ScanBody } from "../../gate/ScanBodies.ts"
import { unreached, unreachedResult, UnreachedScans } from "../../gate/Unreached.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { ScanBatcher } from "./ScanBatcher.ts"
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

/** Decides a device's scan under this id and puts the decision into words: the way of every route for clients. */
export const decideScan = Effect.gen(function* () {
  const { admit } = yield* ScanBatcher
  const { trusted } = yield* SigningKeys
  const scanned = yield* scannedEvent

  const decide = Effect.fnUntraced(function* (body: ScanBody, caller: Caller, scanId: string) {
    const event = yield* scanned(caller, body.event_id)
    if (Option.isSome(event)) {
      const { event_id: eventId } = event.value
      const operator = permissionOf(caller, eventId)
      return shown(yield* admit(fromDevice(body, { eventId, operator, scanId, trusted })), body.event_id)
    }
    const scan = { scanId, gate: body.scan_location.gate, direction: body.direction ?? "entry" } as const
    return unreached(body.event_id, scan, unreachedResult(caller), yield* DateTime.now)
  })

  return Effect.fnUntraced(function* (
    body: ScanBody,
    caller: Caller,
    scanId: string,
    acceptLanguage: string | undefined
  ) {
    const begun = yield* Clock.currentTimeMillis
    const verdict = yield* decide(body, caller, scanId)
    return scanAnswer(verdict, acceptLanguage, (yield* Clock.currentTimeMillis) - begun)
  })
})
