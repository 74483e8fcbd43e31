/**
 * Ids are safe integers: a list of them may lie on both sides of 2^31, where PostgreSQL's integers end. Guards whose
 * removal turns this file red: `Rows.bigints` wherever a store is given a list of ids.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { AudienceStore } from "../../src/store/notifications/AudienceStore.ts"
import { EventStore } from "../../src/store/EventStore.ts"
import { JobStore } from "../../src/store/jobs/JobStore.ts"
import { PrintStore } from "../../src/store/tickets/PrintStore.ts"
import { SequenceStore } from "../../src/store/notifications/SequenceStore.ts"
import { TicketStore } from "../../src/store/tickets/TicketStore.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { eventData } from "../support/GateFixture.ts"
import { JobStores, Links, options } from "../support/JobFixture.ts"

const Env = Layer.mergeAll(AudienceStore.layer, PrintStore.layer, SequenceStore.layer, TokenStore.layer).pipe(
  Layer.provide(Links),
  Layer.provideMerge(JobStores)
)

const far = 3_000_000_000
const eventId = far + 1
const guestIds = [1, far]

/** A ticket a guest, whose numbers lie as far apart. */
const issued = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const events = yield* EventStore
  const guest = { name: "Ana", email: "a@example.com", ticket_type: "VIP", locale: "en" as const }
  yield* events.publish(eventId, "alice", eventData(eventId))
  yield* events.registerGuests(eventId, null, guestIds.map((guest_id) => ({ ...guest, guest_id })))
  const request = { eventId, flowId: null, templateId: 1, guestIds, paymentState: "free" as const }
  const [near, other] = yield* (yield* TicketStore).issue(request)
  yield* sql`UPDATE tickets SET ticket_id = ${far} WHERE ticket_id = ${other!}`
  return [near!, far]
})

layer(Env, { excludeTestServices: true })("ids on both sides of 2^31", (it) => {
  it.effect("are taken by every store that is given a list of them", () =>
    Effect.gen(function* () {
      const ticketIds = yield* issued
      const audience = yield* AudienceStore
      const readers = yield* audience.guests(eventId, guestIds)
      assert.deepStrictEqual(readers.map((reader) => reader.guest_id), guestIds)

      const owned = yield* (yield* TicketStore).owners(ticketIds)
      assert.deepStrictEqual(owned.map((row) => row.ticket_id), ticketIds)
      assert.deepStrictEqual(
        yield* (yield* PrintStore).ofGuests(eventId, guestIds.toReversed()),
        [{ guest_id: far, ticket_id: far }, { guest_id: 1, ticket_id: ticketIds[0]! }]
      )

      const jobs = yield* JobStore
      yield* jobs.create({ jobId: "job_far", eventId, owner: "alice", flowId: null, options, ticketIds })
      assert.deepStrictEqual(
        (yield* (yield* PrintStore).details(ticketIds, "job_far")).map(({ id }) => id),
        ticketIds
      )
      assert.sameMembers(
        (yield* jobs.standing("job_far", [...ticketIds, far + 1])).items.map(({ ticket_id }) => ticket_id),
        ticketIds
      )

      const sequences = yield* SequenceStore
      assert.deepStrictEqual(yield* sequences.fire(eventId, guestIds, "ticket_creation"), [])
      for (const id of guestIds) {
        assert.deepStrictEqual([...yield* sequences.fired(eventId, id)], ["ticket_creation"])
      }

      const tokens = yield* TokenStore
      yield* tokens.create({ role: "operator", subject: "some", events: [1, eventId] })
      yield* tokens.create({ role: "operator", subject: "none", events: [] })
      yield* tokens.create({ role: "operator", subject: "all" })
      const limits = (yield* tokens.list).map((token) => [token.subject, token.events])
      assert.sameDeepMembers(limits, [["some", [1, eventId]], ["none", []], ["all", null]])
    }))
})
