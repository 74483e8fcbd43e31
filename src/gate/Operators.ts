/** Who may scan what: the union of someone's live tokens, or the one token of a caller. */
import { Cache, Context, Duration, Effect, Exit, Layer, Option } from "effect"
import type { SqlClient } from "effect/sql"
import type { Permission } from "../../rpc/Scan.ts"
import { type Caller, rights } from "../../rpc/values/Caller.ts"
import { EventStore } from "../store/EventStore.ts"
import { type Grant, OperatorStore } from "../store/gate/OperatorStore.ts"

interface Share {
  readonly gates: ReadonlyArray<string> | null
}

/** What one token opens at this event, or nothing. */
const share = (eventId: number, { events, gates, owns, role }: Grant): ReadonlyArray<Share> => {
  switch (rights[role].scans) {
    case "everywhere":
      return [{ gates: null }]
    case "its own events":
      return owns ? [{ gates: null }] : []
    case "granted":
      return events === null || events.includes(eventId) ? [{ gates }] : []
  }
}

/** The union of what the tokens open at this one event; a gate granted elsewhere stays elsewhere. */
export const union = (operatorId: string, eventId: number, grants: ReadonlyArray<Grant>): Permission => {
  const shares = grants.flatMap((grant) => share(eventId, grant))
  const everywhere = shares.some(({ gates }) => gates === null)
  return {
    operatorId,
    known: grants.length > 0,
    events: shares.length > 0 ? [eventId] : [],
    gates: everywhere ? null : [...new Set(shares.flatMap(({ gates }) => gates ?? []))]
  }
}

/** What an operator's or an admin's token allows at an event; an organiser's depends on whose event it is. */
export const permissionOf = (caller: Caller, eventId: number, owns = false): Permission =>
  union(caller.subject, eventId, [{
    role: caller.role,
    events: caller.events ?? null,
    gates: caller.gates ?? null,
    owns
  }])

/** Permissions for one event; those of an operator id are believed for five seconds, like tokens. */
export class Operators extends Context.Service<Operators, {
  /** For the scan service, which names its operator: known when any live token is theirs. */
  readonly permission: (operatorId: string, eventId: number) => Effect.Effect<Permission>
  /** For a caller who showed a token: that token alone counts. */
  readonly ofCaller: (caller: Caller, eventId: number) => Effect.Effect<Permission>
}>()("guichet/gate/Operators") {
  static readonly layer: Layer.Layer<Operators, never, EventStore | SqlClient.SqlClient> = Layer.effect(
    Operators,
    Effect.gen(function* () {
      const operators = yield* OperatorStore
      const events = yield* EventStore

      const cache = yield* Cache.makeWith((key: string) => {
        const [eventId = "", ...rest] = key.split(" ")
        const operatorId = rest.join(" ")
        return Effect.map(
          operators.grants(operatorId, Number(eventId)),
          (grants) => union(operatorId, Number(eventId), grants)
        )
      }, {
        capacity: 4_096,
        timeToLive: (exit) =>
          Exit.isSuccess(exit) ? Duration.seconds(exit.value.events?.length === 0 ? 1 : 5) : Duration.zero
      })

      const permission = (operatorId: string, eventId: number) => Cache.get(cache, `${eventId} ${operatorId}`)

      const ofCaller = (caller: Caller, eventId: number) =>
        rights[caller.role].scans === "its own events"
          ? Effect.map(
            events.owner(eventId),
            (owner) => permissionOf(caller, eventId, Option.contains(owner, caller.subject))
          )
          : Effect.succeed(permissionOf(caller, eventId))

      return Operators.of({ permission, ofCaller })
    })
  ).pipe(Layer.provide(OperatorStore.layer))
}
