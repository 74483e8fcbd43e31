/** Answers for flow 3, and what the ticket generator asks the core for. */
import { Clock, Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { createHash } from "node:crypto"
import type { Verdict } from "../../../rpc/Scan.ts"
import { Operators } from "../../gate/Operators.ts"
import { localeOf, scanAnswer } from "../../gate/ScanAnswer.ts"
import { fromDevice, fromScanService } from "../../gate/ScanBodies.ts"
import { ScanBatcher } from "./ScanBatcher.ts"
import { EventStore } from "../../store/EventStore.ts"
import { JobStore } from "../../store/jobs/JobStore.ts"
import { PrintStore } from "../../store/tickets/PrintStore.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { InternalGroup, ScansGroup } from "./ScansApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import type { Caller } from "../../../rpc/values/Caller.ts"
import { CurrentCaller } from "../rules/CurrentCaller.ts"
import { IdempotencyKey } from "../rules/Idempotency.ts"
import { RequestId } from "../../http/RequestId.ts"
import { missing } from "../rules/Visible.ts"
import * as AnnulHttp from "./AnnulHttp.ts"

/** An organiser learns nothing of other organisers' events; a steward's refusal is an answer, not a 404. */
export const reachable = Effect.fnUntraced(function* (caller: Caller, eventId: number) {
  if (caller.role !== "organizer") return
  const owner = yield* (yield* EventStore).owner(eventId)
  if (!Option.contains(owner, caller.subject)) return yield* missing("event")
})

/** A retry under the same Idempotency-Key is the same scan, also when the first answer was never kept. */
const scanId = Effect.flatMap(
  IdempotencyKey,
  Option.match({
    onNone: () => RequestId,
    onSome: ({ caller, key }) =>
      Effect.succeed(`idk_${createHash("sha256").update(`${caller}\n${key}`).digest("hex").slice(0, 40)}`)
  })
)

/** Decides a scan and puts the decision into words. */
const answer = Effect.fnUntraced(function* <E, R>(
  decision: Effect.Effect<Verdict, E, R>,
  acceptLanguage: string | undefined
) {
  const begun = yield* Clock.currentTimeMillis
  const verdict = yield* decision
  return scanAnswer(verdict, acceptLanguage, (yield* Clock.currentTimeMillis) - begun)
})

export const ScansHttpLayer = HttpApiBuilder.group(
  apiOf(ScansGroup),
  "scans",
  Effect.fn(function* (handlers) {
    const { admit } = yield* ScanBatcher
    const operators = yield* Operators
    const events = yield* EventStore
    const { trusted } = yield* SigningKeys
    const annul = yield* AnnulHttp.make
    const operatorAt = Effect.fnUntraced(function* (eventId: number) {
      const caller = yield* CurrentCaller
      yield* Effect.provideService(reachable(caller, eventId), EventStore, events)
      return yield* operators.ofCaller(caller, eventId)
    })
    return handlers.handleAll({
      validate: ({ headers, payload }) =>
        answer(
          Effect.gen(function* () {
            const operator = yield* operatorAt(payload.event_id)
            return yield* admit(fromDevice(payload, { operator, scanId: yield* scanId, trusted }))
          }),
          headers["accept-language"]
        ),
      annul: ({ headers, params, payload }) =>
        Effect.flatMap(operatorAt(payload.event_id), (operator) =>
          annul({
            scanId: params.scan_id,
            body: payload,
            operator,
            locale: localeOf(headers["accept-language"])
          }))
    })
  })
)

export const InternalHttpLayer = HttpApiBuilder.group(
  apiOf(InternalGroup),
  "internal",
  Effect.fn(function* (handlers) {
    const { admit } = yield* ScanBatcher
    const operators = yield* Operators
    const jobs = yield* JobStore
    const prints = yield* PrintStore
    const { trusted } = yield* SigningKeys
    return handlers.handleAll({
      scanValidation: ({ headers, payload }) =>
        answer(
          Effect.gen(function* () {
            const operator = yield* operators.permission(payload.scanContext.operatorId, payload.eventId)
            return yield* admit(fromScanService(payload, { operator, scanId: yield* RequestId, trusted }))
          }),
          headers["accept-language"]
        ),
      printDetails: ({ payload }) =>
        jobs.printable(payload.job_id, payload.ticket_ids).pipe(
          Effect.flatMap(prints.details),
          Effect.map((tickets) => ({ tickets }))
        )
    })
  })
)
