/** One event: its guests are registered here, and every scan of its gates is decided here, in batches. */
import { Effect, Option } from "effect"
import { Entity } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import { Event, EventNotFound, type IssueTickets } from "../rpc/Event.ts"
import type { EventId } from "../rpc/values/Ids.ts"
import { batchesAtOnce, batchLimit } from "../rpc/Scan.ts"
import { retryTransient } from "../src/durable/Retry.ts"
import * as Batching from "../src/durable/Batching.ts"
import * as Gatekeeper from "../src/gate/Gatekeeper.ts"
import { AnnulmentStore } from "../src/gate/AnnulmentStore.ts"
import { EventStore } from "../src/store/EventStore.ts"
import { TicketStore } from "../src/store/tickets/TicketStore.ts"
import { measured, scansDecided } from "../src/telemetry/metrics/WorkMetrics.ts"

/** Holds no truth: a second activation of the same event may run beside it and nothing breaks. */
export const EventLayer = Event.toLayer(
  Effect.gen(function* () {
    const { entityId } = yield* Entity.CurrentAddress
    const eventId: EventId = Number(entityId)
    const events = yield* EventStore
    const tickets = yield* TicketStore
    const annulments = yield* AnnulmentStore
    const gate = yield* Gatekeeper.make(eventId)
    const admitEach = (scans: Parameters<typeof gate.admitEach>[0]) =>
      Effect.tap(gate.admitEach(scans), (verdicts) => Effect.sync(() => scansDecided(verdicts)))
    const { submit: admit } = yield* Batching.make({
      name: "Event.batch",
      limit: batchLimit,
      atOnce: batchesAtOnce,
      answer: admitEach
    })

    const issue = Effect.fn("Event.issue")(function* (request: Rpc.Payload<typeof IssueTickets>) {
      const issued = yield* tickets.issue({
        eventId,
        flowId: request.flowId,
        templateId: request.templateId,
        guestIds: request.guestIds,
        paymentState: request.paymentPending ? "pending" : "free"
      })
      if (issued.length === 0 && Option.isNone(yield* events.owner(eventId))) {
        return yield* new EventNotFound({ event_id: eventId })
      }
      return issued
    })

    return measured(
      "Event",
      Event.of({
        Publish: ({ payload }) => retryTransient(events.publish(eventId, payload.owner, payload.event)),
        RegisterGuests: ({ payload }) =>
          retryTransient(Effect.map(
            events.registerGuests(eventId, payload.flowId, payload.guests),
            (registered) => ({ registered })
          )),
        IssueTickets: ({ payload }) => retryTransient(issue(payload)),
        SetStatus: ({ payload }) => retryTransient(events.setStatus(eventId, payload.status)),
        SetGateRules: ({ payload }) => retryTransient(events.setGateRules(eventId, payload.rules)),
        Admit: ({ payload }) => admit(payload.scans),
        Annul: ({ payload }) => retryTransient(annulments.annul({ eventId, ...payload }))
      })
    )
  }),
  { concurrency: "unbounded", mailboxCapacity: 16_384, maxIdleTime: "5 minutes", disableFatalDefects: true }
)
