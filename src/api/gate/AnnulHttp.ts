/** Takes a scan back for the device that made it, or says in the steward's language what to do instead. */
import { Effect, Option } from "effect"
import { Event, ScanNotFound } from "../../../rpc/Event.ts"
import type { EventId } from "../../../rpc/values/Ids.ts"
import type { Permission } from "../../../rpc/Scan.ts"
import type { Locale } from "../../../rpc/values/Values.ts"
import { annulSentence } from "../../gate/AnnulmentMessages.ts"
import { refusedOperator } from "../../gate/Decision.ts"
import { ScanJournalStore } from "../../store/gate/ScanJournalStore.ts"
import { type AnnulBody, AnnulProblem, ScanUnknownProblem } from "./ScansApi.ts"
import { Forbidden, fromCluster } from "../../http/Problems.ts"

/** What was asked, by whom, and the language of the answer. */
export interface AnnulAsked {
  readonly eventId: EventId
  readonly scanId: string
  readonly body: typeof AnnulBody.Type
  readonly operator: Permission
  readonly supervised?: boolean
  readonly locale: Locale
}

/** 403, in the steward's language. */
export const forbidden = (refused: "operator_forbidden" | "gate_forbidden", locale: Locale) =>
  new Forbidden({ detail: annulSentence(refused, locale) })

/**
 * A token that does not reach the event is 403 before this is asked; one that does not reach the gate is, once the scan
 * exists. The gate of a scan never changes, so it is asked before the event is.
 */
export const make = Effect.gen(function* () {
  const event = yield* Event.client
  const journal = yield* ScanJournalStore

  const permitted = Effect.fnUntraced(function* ({ eventId, locale, operator, scanId }: AnnulAsked) {
    const gate = yield* journal.gateOf(eventId, scanId)
    const refused = refusedOperator(eventId, { gate: Option.getOrElse(gate, () => ""), operator })
    if (refused === "operator_forbidden" || (refused !== null && Option.isSome(gate))) {
      return yield* forbidden(refused, locale)
    }
    if (Option.isNone(gate)) return yield* new ScanNotFound({ scan_id: scanId })
  })

  return Effect.fn("AnnulHttp.annul")(
    function* (asked: AnnulAsked) {
      yield* permitted(asked)
      const { body, eventId, operator, scanId, supervised = false } = asked
      const annulment = yield* fromCluster(
        event(String(eventId)).Annul({
          scanId,
          deviceId: body.scanner_id,
          operatorId: operator.operatorId,
          claimedOperator: body.operator_id ?? null,
          reason: body.reason ?? null,
          supervised
        })
      )
      return { ...annulment, event_id: body.event_id }
    },
    (annulled, { locale }) =>
      Effect.catchTags(annulled, {
        ScanNotFound: ({ scan_id }) =>
          Effect.fail(new ScanUnknownProblem({ scan_id, detail: annulSentence("unknown_scan", locale) })),
        AnnulRefused: ({ reason, scan_id }) =>
          Effect.fail(new AnnulProblem({ scan_id, reason, detail: annulSentence(reason, locale) }))
      })
  )
})
