/** Who may scan what: what a caller's own token allows, or the union of someone's live tokens. */
import { Cache, Context, Data, Duration, Effect, Exit, Layer, Option } from "effect"
import type { SqlClient } from "effect/sql"
import type { Permission } from "../../rpc/Scan.ts"
import { type Caller, isGranted } from "../../rpc/values/Caller.ts"
import type { EventId, EventNumber, TicketId } from "../../rpc/values/Ids.ts"
import { type Grant, OperatorStore } from "../store/gate/OperatorStore.ts"

/** An event that is reached, and what is allowed there. */
export interface Reached {
  readonly eventId: EventId
  readonly operator: Permission
}

/** What a token allows at an event that it reaches. */
export const permissionOf = (caller: Caller, eventId: EventId): Permission => ({
  operatorId: caller.subject,
  known: true,
  events: [eventId],
  gates: isGranted(caller.role) ? caller.gates ?? null : null
})

/** The union of what the tokens open at one event; a gate granted elsewhere stays elsewhere. */
const union = (operatorId: string, eventId: EventId, grants: ReadonlyArray<Grant>): Permission => {
  const shares = grants.filter(({ event_id }) => event_id === eventId)
  const everywhere = shares.some(({ gates }) => gates === null)
  return {
    operatorId,
    known: true,
    events: [eventId],
    gates: everywhere ? null : [...new Set(shares.flatMap(({ gates }) => gates ?? []))]
  }
}

class Asked extends Data.Class<{ readonly operatorId: string; readonly number: EventNumber }> {}

/** For the scan service, which names its operator; grants of an operator id are believed for five seconds, like tokens. */
export class Operators extends Context.Service<Operators, {
  /**
   * The event that someone's live tokens reach by this number. Where several organisations gave the same person tokens,
   * the one that the scanned ticket belongs to.
   */
  readonly ofOperator: (
    operatorId: string,
    number: EventNumber,
    ticketId: TicketId | null
  ) => Effect.Effect<Option.Option<Reached>>
}>()("guichet/gate/Operators") {
  static readonly layer: Layer.Layer<Operators, never, SqlClient.SqlClient> = Layer.effect(
    Operators,
    Effect.gen(function* () {
      const operators = yield* OperatorStore

      const cache = yield* Cache.makeWith(
        ({ number, operatorId }: Asked) => operators.grants(operatorId, number),
        {
          capacity: 4_096,
          timeToLive: (exit) =>
            Exit.isSuccess(exit) ? Duration.seconds(exit.value.length === 0 ? 1 : 5) : Duration.zero
        }
      )

      const ofOperator = Effect.fn("Operators.ofOperator")(
        function* (operatorId: string, number: EventNumber, ticketId: TicketId | null) {
          const grants = yield* Cache.get(cache, new Asked({ operatorId, number }))
          const candidates = [...new Set(grants.map(({ event_id }) => event_id))]
          const [eventId] = candidates.length < 2
            ? candidates
            : ticketId === null
            ? []
            : yield* operators.eventOf(ticketId, candidates)
          return Option.map(
            Option.fromUndefinedOr(eventId),
            (eventId): Reached => ({ eventId, operator: union(operatorId, eventId, grants) })
          )
        }
      )

      return Operators.of({ ofOperator })
    })
  ).pipe(Layer.provide(OperatorStore.layer))
}
