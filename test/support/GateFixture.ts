/** An event with tickets and scans of it, for the tests of the gate. */
import { DateTime, Effect, Layer } from "effect"
import { Entity, ShardingConfig } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { EventLayer } from "../../entities/Event.ts"
import { Event, type EventData } from "../../rpc/Event.ts"
import type { AdmitRequest } from "../../rpc/Scan.ts"
import { AnnulmentStore } from "../../src/gate/AnnulmentStore.ts"
import { EventStore } from "../../src/store/EventStore.ts"
import { ScanStore } from "../../src/gate/ScanStore.ts"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { SigningKeys } from "../../src/trust/SigningKeys.ts"

/** The stores that the Event uses; the database is left open. */
export const GateStores = Layer.mergeAll(
  AnnulmentStore.layer,
  EventStore.layer,
  ScanStore.layer,
  TicketStore.layer
).pipe(
  Layer.provide(SigningKeys.layerMemory),
  Layer.provideMerge(ShardingConfig.layer())
)

/** A new activation of every event it is asked for; `Admit` takes one scan, `AdmitAll` what one message carries. */
export const activation = Effect.map(
  Entity.makeTestClient(Event, EventLayer),
  (client) => (eventId: string) =>
    Effect.map(client(eventId), (event) => ({
      ...event,
      Admit: (scan: AdmitRequest) =>
        Effect.flatMap(Effect.orDie(event.Admit({ scans: [scan] })), ([verdict]) =>
          verdict === null || verdict === undefined
            ? Effect.die(`Scan ${scan.scanId} was not decided`)
            : Effect.succeed(verdict)),
      AdmitAll: (message: Parameters<typeof event.Admit>[0]) =>
        Effect.orDie(event.Admit(message))
    }))
)

const guests = (count: number) =>
  Array.from({ length: count }, (_, at) => ({
    guest_id: at + 1,
    name: "Jean Dupont",
    email: `guest${at + 1}@example.com`,
    phone: null,
    ticket_type: "standard"
  }))

export const eventData = (event_id: number, changes: Partial<EventData> = {}): EventData => ({
  event_id,
  title: "Conférence",
  date: DateTime.makeUnsafe("2025-06-20T09:00:00Z"),
  location: "Paris",
  max_attendees: 1_000,
  status: "active",
  timezone: "Europe/Paris",
  ...changes
})

/** Publishes an event with this many free tickets and answers their numbers and codes. */
export const publish = Effect.fn("GateFixture.publish")(
  function* (eventId: number, count: number, changes: Partial<EventData> = {}) {
    const events = yield* EventStore
    const tickets = yield* TicketStore
    const sql = yield* SqlClient.SqlClient
    yield* events.publish(eventId, "organizer-1", eventData(eventId, { max_attendees: Math.max(count, 1) }))
    yield* events.registerGuests(eventId, null, guests(count))
    yield* events.publish(eventId, "organizer-1", eventData(eventId, changes))
    yield* tickets.issue({
      eventId,
      flowId: null,
      templateId: 1,
      guestIds: guests(count).map((guest) => guest.guest_id),
      paymentState: "free"
    })
    const rows = yield* sql<{ id: number; code: string }>`
      SELECT ticket_id AS id, code FROM tickets WHERE event_id = ${eventId} ORDER BY guest_id`
    return rows
  }
)

/** Ends a ticket's life, as the undoing of its flow does. */
export const voidTicket = (ticketId: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql`UPDATE tickets SET status = 'voided', voided_at = now(), void_reason = 'test' WHERE ticket_id = ${ticketId}`
  )

let scans = 0

/** A scan of a ticket code at gate A by someone who may scan anything. */
export const scanOf = (
  eventId: number,
  ticketCode: string | null,
  changes: Partial<AdmitRequest> = {}
): AdmitRequest => ({
  scanId: `scan-${++scans}`,
  eventId,
  ticketCode,
  ticketId: null,
  forged: null,
  deviceId: "scanner-1",
  operator: { operatorId: "operator-1", events: null, gates: null, known: true },
  gate: "A",
  direction: "entry",
  deviceTime: null,
  claimed: null,
  source: "client",
  context: {},
  ...changes
})

/** Who is inside by the counter, by the tickets, and how many ever came in. */
export const occupancy = Effect.fn("GateFixture.occupancy")(function* (eventId: number) {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{ inside: number; entered: number; tickets: number }>`
    SELECT inside, entered, (SELECT count(*) FROM tickets WHERE event_id = ${eventId} AND inside) AS tickets
    FROM gates_occupancy WHERE event_id = ${eventId}`
  return row!
})
