/**
 * Scans of an event number that a token does not reach: answered from the token and the scan alone, so that an event of
 * another organiser and no event at all are answered alike, and written into no event. They are counted on the token.
 */
import { Context, DateTime, Duration, Effect, Layer, Ref } from "effect"
import { SqlClient } from "effect/sql"
import type { AdmitRequest, ScanResult } from "../../rpc/Scan.ts"
import { type Caller, isGranted } from "../../rpc/values/Caller.ts"
import type { EventNumber } from "../../rpc/values/Ids.ts"
import * as Rows from "../store/Rows.ts"
import type { ShownVerdict } from "./ScanAnswer.ts"

/** What a steward is told: that its list does not have the event, or that its organisation has none of this number. */
export const unreachedResult = ({ events, role }: Pick<Caller, "events" | "role">): ScanResult =>
  isGranted(role) && events !== undefined ? "operator_forbidden" : "unknown_event"

/** The verdict on a scan that reaches no event; its scan id stays free. */
export const unreached = (
  number: EventNumber,
  { direction, gate, scanId }: Pick<AdmitRequest, "direction" | "gate" | "scanId">,
  result: ScanResult,
  now: DateTime.Utc
): ShownVerdict => ({
  scan_id: scanId,
  result,
  ticket_id: null,
  event_id: number,
  gate,
  direction,
  guest_first_name: null,
  ticket_type: null,
  first_use: null,
  last_use: null,
  timezone: "UTC",
  signals: [],
  decided_at: now
})

/** How often what was counted is written. */
const pause = Duration.seconds(1)

/** Counts unreached scans on their tokens: one statement a second, however many come. */
export class UnreachedScans extends Context.Service<UnreachedScans, {
  readonly count: (tokenId: string, scans?: number) => Effect.Effect<void>
  /** The same for whoever is named by a subject: on its newest token that is live, if there is one. */
  readonly countSubject: (subject: string) => Effect.Effect<void>
}>()("guichet/gate/UnreachedScans") {
  static readonly layer: Layer.Layer<UnreachedScans, never, SqlClient.SqlClient> = Layer.effect(
    UnreachedScans,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const counted = yield* Ref.make<ReadonlyMap<string, number>>(new Map())

      const add = (counter: string, scans: number) =>
        Ref.update(counted, (counts) => new Map(counts).set(counter, (counts.get(counter) ?? 0) + scans))

      const write = Effect.fn("UnreachedScans.write")(function* () {
        const counts = yield* Ref.getAndSet(counted, new Map())
        if (counts.size === 0) return
        const rows = [...counts].map(([counter, scans]) => ({
          [counter.startsWith("token ") ? "token_id" : "subject"]: counter.slice(counter.indexOf(" ") + 1),
          scans
        }))
        yield* Rows.run(sql`
          UPDATE tokens t SET unreached_scans = t.unreached_scans + c.scans, unreached_at = now()
          FROM (
            SELECT coalesce(c.token_id, (SELECT l.token_id FROM tokens l WHERE l.subject = c.subject
              AND l.revoked_at IS NULL AND (l.expires_at IS NULL OR l.expires_at > now())
              ORDER BY l.seq DESC LIMIT 1)) AS token_id, sum(c.scans) AS scans
            FROM jsonb_to_recordset(${
          JSON.stringify(rows)
        }::jsonb) AS c (token_id text, subject text, scans bigint)
            GROUP BY 1) c
          WHERE t.token_id = c.token_id`)
      })

      const safely = Effect.catchCause(
        write(),
        (cause) => Effect.logWarning("Scans that reached no event could not be counted", cause)
      )

      yield* Effect.addFinalizer(() => safely)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(pause), safely)))

      return UnreachedScans.of({
        count: (tokenId, scans = 1) => add(`token ${tokenId}`, scans),
        countSubject: (subject) => add(`subject ${subject}`, 1)
      })
    })
  )
}
