/** Which key an organisation's event number stands for. A mapping is never changed or deleted. */
import { Context, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { EventId, EventNumber } from "../../rpc/values/Ids.ts"
import * as Rows from "./Rows.ts"

/** The number of the event whose key a column has, as a part of a statement. */
export const numberOf = (column: string): string =>
  `(SELECT n.number FROM event_numbers n WHERE n.event_id = ${column})`

const KeyRow = Schema.Struct({ event_id: EventId })

const OwnedRow = Schema.Struct({ event_id: EventId, owner: Schema.String })

/** An event and its organisation. */
export type OwnedEvent = typeof OwnedRow.Type

const ReservedRow = Schema.Struct({ event_id: EventId, number: EventNumber })

/** Finds that are remembered for `known`. */
const remembered = 4_096

export class EventNumbers extends Context.Service<EventNumbers, {
  /** The published event that an organisation knows by this number. */
  readonly find: (owner: string, number: EventNumber) => Effect.Effect<Option.Option<EventId>>
  /** What `find` found a while ago, without a fiber. */
  readonly known: (owner: string, number: EventNumber) => EventId | undefined
  /** The published events of this number, whosesoever they are. */
  readonly all: (number: EventNumber) => Effect.Effect<ReadonlyArray<OwnedEvent>>
  /** The keys of an organisation's numbers, in their order; one that has none yet gets its key for ever. */
  readonly reserve: (
    owner: string,
    numbers: ReadonlyArray<EventNumber>
  ) => Effect.Effect<ReadonlyArray<EventId>>
}>()("guichet/store/EventNumbers") {
  static readonly layer: Layer.Layer<EventNumbers, never, SqlClient.SqlClient> = Layer.effect(
    EventNumbers,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const found = new Map<string, EventId>()

      const keyOf = (owner: string, number: EventNumber) => `${number} ${owner}`

      const remember = (owner: string, number: EventNumber, eventId: EventId) => {
        if (found.size >= remembered) found.clear()
        found.set(keyOf(owner, number), eventId)
      }

      const find = (owner: string, number: EventNumber) => {
        const known = found.get(keyOf(owner, number))
        if (known !== undefined) return Effect.succeedSome(known)
        return Effect.map(
          Rows.first(KeyRow)(sql`
            SELECT n.event_id FROM event_numbers n JOIN events e USING (event_id)
            WHERE n.owner = ${owner} AND n.number = ${number}::bigint`),
          Option.map(({ event_id }) => {
            remember(owner, number, event_id)
            return event_id
          })
        )
      }

      const all = (number: EventNumber) =>
        Rows.all(OwnedRow)(sql`
          SELECT n.event_id, n.owner FROM event_numbers n JOIN events e USING (event_id)
          WHERE n.number = ${number}::bigint LIMIT 2`)

      const keys = (owner: string, numbers: ReadonlyArray<EventNumber>) =>
        Rows.all(ReservedRow)(sql`
          SELECT event_id, number FROM event_numbers
          WHERE owner = ${owner} AND number = ANY(${Rows.bigints(numbers)}::bigint[])`)

      // A second look: a statement does not see what another one has reserved while it ran.
      const reserve = Effect.fn("EventNumbers.reserve")(
        function* (owner: string, numbers: ReadonlyArray<EventNumber>) {
          const asked = [...new Set(numbers)]
          const found = yield* Rows.all(ReservedRow)(sql`
            WITH known AS (
              SELECT event_id, number FROM event_numbers
              WHERE owner = ${owner} AND number = ANY(${Rows.bigints(asked)}::bigint[])
            ), made AS (
              INSERT INTO event_numbers (owner, number)
              SELECT ${owner}, number FROM unnest(${Rows.bigints(asked)}::bigint[]) AS asked (number)
              WHERE number NOT IN (SELECT number FROM known)
              ORDER BY number ON CONFLICT (owner, number) DO NOTHING RETURNING event_id, number
            )
            SELECT * FROM known UNION ALL SELECT * FROM made`)
          const rows = found.length === asked.length ? found : yield* keys(owner, asked)
          const reserved = new Map(rows.map((row) => [row.number, row.event_id]))
          return yield* Effect.orDie(
            Effect.forEach(numbers, (number) => Effect.fromOption(Option.fromNullishOr(reserved.get(number))))
          )
        }
      )

      const known = (owner: string, number: EventNumber) => found.get(keyOf(owner, number))

      return EventNumbers.of({ find, known, all, reserve })
    })
  )
}
