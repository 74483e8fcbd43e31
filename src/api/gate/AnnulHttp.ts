/** Takes a scan back for the device that made it, or says in the steward's language what to do instead. */
import { Effect, Option } from "effect"
import { Event, ScanNotFound } from "../../../rpc/Event.ts"
import type { Permission } from "../../../rpc/Scan.ts"
import type { Locale } from "../../../rpc/values/Values.ts"
import { annulSentence } from "../../gate/AnnulSentences.ts"
import { refusedOperator } from "../../gate/Decision.ts"
import { JournalStore } from "../../store/gate/JournalStore.ts"
import { type AnnulBody, AnnulProblem, ScanUnknownProblem } from "./ScansApi.ts"
import { Forbidden, fromCluster } from "../../http/Problems.ts"

/** What was asked, by whom, and the language of the answer. */
export interface AnnulAsked {
  readonly scanId: string
  readonly body: typeof AnnulBody.Type
  readonly operator: Permission
  readonly locale: Locale
}

/**
 * A token that does not reach the event is 403 whether the scan exists or not; one that does not reach the gate, once
 * it does. The gate of a scan never changes, so it is asked before the event is.
 */
export const make = Effect.gen(function* () {
  const event = yield* Event.client
  const journal = yield* JournalStore

  const permitted = Effect.fnUntraced(function* ({ body, locale, operator, scanId }: AnnulAsked) {
    const gate = yield* journal.gateOf(body.event_id, scanId)
    const refused = refusedOperator(body.event_id, { gate: Option.getOrElse(gate, () => ""), operator })
    if (refused === "operator_forbidden" || (refused !== null && Option.isSome(gate))) {
      return yield* new Forbidden({ detail: annulSentence(refused, locale) })
    }
    if (Option.isNone(gate)) return yield* new ScanNotFound({ scan_id: scanId })
  })

  return Effect.fn("AnnulHttp.annul")(
    function* (asked: AnnulAsked) {
      yield* permitted(asked)
      const { body, operator, scanId } = asked
      return yield* fromCluster(
        event(String(body.event_id)).Annul({
          scanId,
          deviceId: body.scanner_id,
          operatorId: operator.operatorId,
          claimedOperator: body.operator_id ?? null,
          reason: body.reason ?? null
        })
      )
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
