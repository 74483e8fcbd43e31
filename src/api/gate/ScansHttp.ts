/** Answers for flow 3, and what the ticket generator asks the core for. */
import { Clock, DateTime, Effect, Option } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { createHash } from "node:crypto"
import { Operators, permissionOf } from "../../gate/Operators.ts"
import { localeOf } from "../../../rpc/values/AcceptLanguage.ts"
import { scanAnswer, shown, type ShownVerdict } from "../../gate/ScanAnswer.ts"
import { fromScanService, type InternalScanBody, ticketIdOf } from "../../gate/ScanBodies.ts"
import { unreached, UnreachedScans } from "../../gate/Unreached.ts"
import { ScanBatcher } from "./ScanBatcher.ts"
import { decideScan, scannedEvent } from "./ScannedEvent.ts"
import { PrintStore } from "../../store/tickets/PrintStore.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { InternalGroup, ScansGroup } from "./ScansApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { CurrentCaller } from "../rules/CurrentCaller.ts"
import { IdempotencyKey } from "../rules/Idempotency.ts"
import { RequestId } from "../../http/RequestId.ts"
import * as AnnulHttp from "./AnnulHttp.ts"

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
  decision: Effect.Effect<ShownVerdict, E, R>,
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
    const decide = yield* decideScan
    const scanned = yield* scannedEvent
    const annul = yield* AnnulHttp.make

    return handlers.handleAll({
      validate: ({ headers, payload }) =>
        Effect.gen(function* () {
          const caller = yield* CurrentCaller
          const id = payload.scan_id ?? (yield* scanId)
          return yield* decide(payload, caller, id, headers["accept-language"])
        }),
      annul: ({ headers, params, payload }) =>
        Effect.gen(function* () {
          const caller = yield* CurrentCaller
          const locale = localeOf(headers["accept-language"])
          const event = yield* scanned(caller, payload.event_id)
          if (Option.isNone(event)) return yield* AnnulHttp.forbidden("operator_forbidden", locale)
          const operator = permissionOf(caller, event.value.event_id)
          return yield* annul({
            eventId: event.value.event_id,
            scanId: params.scan_id,
            body: payload,
            operator,
            locale
          })
        })
    })
  })
)

export const InternalHttpLayer = HttpApiBuilder.group(
  apiOf(InternalGroup),
  "internal",
  Effect.fn(function* (handlers) {
    const { admit } = yield* ScanBatcher
    const operators = yield* Operators
    const counter = yield* UnreachedScans
    const prints = yield* PrintStore
    const { trusted } = yield* SigningKeys

    const decide = Effect.fnUntraced(function* (body: InternalScanBody) {
      const { eventId: number, scanContext: { location: { gate }, operatorId } } = body
      const direction = body.direction ?? "entry"
      const id = body.scan_id ?? (yield* RequestId)
      const ticketId = ticketIdOf(body, trusted)
      const reached = yield* operators.ofOperator(operatorId, number, ticketId)
      if (Option.isSome(reached)) {
        return shown(yield* admit(fromScanService(body, { ...reached.value, scanId: id, trusted })), number)
      }
      yield* counter.countSubject(operatorId)
      return unreached(number, { scanId: id, gate, direction }, "operator_forbidden", yield* DateTime.now)
    })

    return handlers.handleAll({
      scanValidation: ({ headers, payload }) => answer(decide(payload), headers["accept-language"]),
      printDetails: ({ payload }) =>
        Effect.map(prints.details(payload.ticket_ids, payload.job_id), (tickets) => ({ tickets }))
    })
  })
)
