/** Events under keys of ours that are not their numbers, and the keys of those that organisers made over HTTP. */
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import type { EventId } from "../../rpc/values/Ids.ts"
import { EventStore } from "../../src/store/EventStore.ts"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { eventData } from "./GateFixture.ts"

/** The key of an organiser's event number. */
export const keyOf = Effect.fnUntraced(function* (number: number, owner = "alice") {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* Effect.orDie(sql<{ key: number }>`
    SELECT event_id AS key FROM event_numbers WHERE number = ${number}::bigint AND owner = ${owner}`)
  if (row === undefined) return yield* Effect.die(`${owner} has no event ${number}`)
  return row.key satisfies EventId
})

/** Gives events numbers before anything refers to them, as a request does: the key is the number. */
export const numbered = Effect.fnUntraced(function* (owner: string, ...numbers: ReadonlyArray<number>) {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.orDie(sql`
    INSERT INTO event_numbers (event_id, owner, number) SELECT id, ${owner}, id
    FROM unnest(${`{${numbers.join(",")}}`}::bigint[]) AS asked (id) ON CONFLICT DO NOTHING`)
})

/** An event of an organiser under our key, in Tokyo, with one ticket. */
export const publishAs = Effect.fnUntraced(function* (key: number, owner: string, number: number) {
  const events = yield* EventStore
  const sql = yield* SqlClient.SqlClient
  yield* events.publish(key, owner, eventData(number, { timezone: "Asia/Tokyo" }))
  yield* events.registerGuests(key, null, [
    { guest_id: 1, name: "Ana B", email: "a@example.com", ticket_type: "VIP" }
  ])
  yield* (yield* TicketStore).issue({
    eventId: key,
    flowId: null,
    templateId: 1,
    guestIds: [1],
    paymentState: "free"
  })
  const [ticket] = yield* sql<{ id: number; code: string; qr: string }>`
    SELECT ticket_id AS id, code, qr_data AS qr FROM tickets WHERE event_id = ${key}::bigint`
  return ticket!
})
