/** The premises of a history in the real tables, decided by the real gatekeeper. */
import { assert } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, type Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { SqlClient } from "effect/sql"
import { Direction, ScanResult } from "../../../rpc/Scan.ts"
import * as Gatekeeper from "../../../src/gate/Gatekeeper.ts"
import { AnnulmentStore } from "../../../src/gate/AnnulmentStore.ts"
import * as Rows from "../../../src/store/Rows.ts"
import { ScanStore } from "../../../src/gate/ScanStore.ts"
import { type GateStores, publish } from "../GateFixture.ts"
import { type History, tickets } from "./GateHistory.ts"
import type { Account, Activation, Circumstances, Premises } from "./Premises.ts"

const Stored = Schema.Struct({
  journal: Schema.Array(Schema.Struct({
    scanId: Schema.String,
    deviceId: Schema.String,
    ticketId: Schema.NullOr(Schema.Int),
    direction: Direction,
    result: ScanResult,
    annulled: Schema.Boolean
  })),
  tickets: Schema.Array(Schema.Struct({
    ticketId: Schema.Int,
    inside: Schema.Boolean,
    entries: Schema.Int,
    firstScanId: Schema.NullOr(Schema.String)
  })),
  inside: Schema.Int,
  entered: Schema.Int,
  tallied: Schema.Unknown,
  counted: Schema.Unknown
})

/** What the tables say of an event; its tallies are what its journal counts. */
export const account = Effect.fn("SqlGate.account")(function* (eventId: number) {
  const sql = yield* SqlClient.SqlClient
  const [stored] = yield* Rows.all(Stored)(sql`
    SELECT o.inside, o.entered,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('scanId', scan_id, 'deviceId', device_id, 'ticketId', ticket_id,
          'direction', direction, 'result', result, 'annulled', annulled_at IS NOT NULL) ORDER BY seq), '[]'::jsonb)
        FROM scans WHERE event_id = o.event_id) AS journal,
      (SELECT jsonb_agg(jsonb_build_object('ticketId', ticket_id, 'inside', inside, 'entries', entries,
          'firstScanId', first_scan_id) ORDER BY guest_id)
        FROM tickets WHERE event_id = o.event_id) AS tickets,
      (SELECT coalesce(jsonb_object_agg(gate || ' ' || direction || ' ' || result, scans), '{}'::jsonb)
        FROM gate_tallies WHERE event_id = o.event_id AND scans <> 0) AS tallied,
      (SELECT coalesce(jsonb_object_agg(line, scans), '{}'::jsonb) FROM (
        SELECT gate || ' ' || direction || ' ' || CASE WHEN annulled_at IS NULL THEN result ELSE 'annulled' END
          AS line, count(*) AS scans FROM scans WHERE event_id = o.event_id GROUP BY 1) lines) AS counted
    FROM gates_occupancy o WHERE o.event_id = ${eventId}::bigint`)
  const { counted, tallied, ...rest } = stored!
  assert.deepStrictEqual(tallied, counted)
  return rest satisfies Account
}, Effect.orDie)

/** The numbers and codes of an event's tickets, and of one of another event. */
export const codesOf = Effect.fnUntraced(function* (eventId: number, { places, reentry }: History) {
  const sql = yield* SqlClient.SqlClient
  const own = yield* publish(eventId, tickets, { reentry, max_attendees: places })
  const other = yield* sql<{ id: number; code: string }>`
    SELECT ticket_id AS id, code FROM tickets WHERE event_id <> ${eventId}::bigint LIMIT 1`
  return [...own, other[0] ?? (yield* publish(999_999, 1))[0]!]
})

type Services = SqlClient.SqlClient | Layer.Success<typeof GateStores>

/** A new event in the tables; its clock is the test's. */
export const sqlGate = Effect.fnUntraced(
  function* (eventId: number, history: History): Effect.fn.Return<Premises, never, Services> {
    const services = yield* Effect.context<Services>()
    const sql = yield* SqlClient.SqlClient
    const store = yield* ScanStore
    const annulments = yield* AnnulmentStore
    const codes = yield* Effect.orDie(codesOf(eventId, history))

    const activate = Effect.gen(function* () {
      let now: Circumstances
      const meddled = ScanStore.of({
        load: (id, scans) =>
          Effect.andThen(Effect.map(Clock.currentTimeMillis, now.read), store.load(id, scans)),
        commit: (id, writes) =>
          Effect.gen(function* () {
            yield* now.beforeWrite()
            if (now.fate === "crashed") return yield* Effect.interrupt
            const written = yield* store.commit(id, writes)
            return written && now.fate === "lost" ? yield* Effect.interrupt : written
          }),
        admitFresh: (fresh) =>
          now.fate !== "answered" ? Effect.succeed(new Map()) : Effect.andThen(
            Effect.map(Clock.currentTimeMillis, now.read),
            store.admitFresh(fresh)
          ),
        alone: store.alone
      })
      const { admit } = yield* Effect.provideService(Gatekeeper.make(eventId), ScanStore, meddled)
      return (function* (scans, circumstances) {
        now = circumstances
        const exit = yield* Effect.exit(admit(scans))
        if (Exit.isSuccess(exit)) return exit.value
        const { fate } = circumstances
        return fate !== "answered" && Cause.hasInterruptsOnly(exit.cause) ? fate : yield* exit
      }) satisfies Activation
    })

    return {
      eventId,
      codes,
      *now() {
        return yield* Clock.currentTimeMillis
      },
      *activate() {
        return yield* activate
      },
      *annul({ operator: { operatorId }, scanId }, deviceId) {
        return yield* annulments.annul({
          eventId,
          scanId,
          deviceId,
          operatorId,
          claimedOperator: null,
          reason: null
        }).pipe(
          Effect.as("annulled" as const),
          Effect.catchTags({
            ScanNotFound: () => Effect.succeed("not_found" as const),
            AnnulRefused: ({ reason }) => Effect.succeed(reason)
          })
        )
      },
      *spoil(ticketId, how) {
        yield* Effect.orDie(
          how === "voided"
            ? sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${ticketId}`
            : sql`UPDATE tickets SET payment_state = 'refunded' WHERE ticket_id = ${ticketId}`
        )
      },
      *resize(places) {
        yield* Effect.orDie(sql`UPDATE events SET max_attendees = ${places} WHERE event_id = ${eventId}`)
      },
      *wait(seconds) {
        yield* TestClock.adjust(seconds * 1_000)
      },
      *account() {
        return yield* Effect.provideContext(account(eventId), services)
      }
    }
  }
)
