/** What the live tokens of one subject allow at one event. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Role } from "../../../rpc/values/Caller.ts"
import * as Rows from "../Rows.ts"

const GrantRow = Schema.Struct({
  role: Role,
  events: Schema.NullOr(Schema.Array(Schema.Int)),
  gates: Schema.NullOr(Schema.Array(Schema.String)),
  owns: Schema.Boolean
})

/** One token's share; `owns` is true when its subject organises the event. */
export type Grant = typeof GrantRow.Type

/** Reads tokens by who holds them; expired and revoked ones grant nothing. */
export class OperatorStore extends Context.Service<OperatorStore, {
  readonly grants: (subject: string, eventId: number) => Effect.Effect<ReadonlyArray<Grant>>
}>()("guichet/store/gate/OperatorStore") {
  static readonly layer: Layer.Layer<OperatorStore, never, SqlClient.SqlClient> = Layer.effect(
    OperatorStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const grants = (subject: string, eventId: number) =>
        Rows.all(GrantRow)(sql`
          SELECT t.role, t.events, t.gates,
            EXISTS (SELECT 1 FROM events e WHERE e.event_id = ${eventId}::bigint AND e.owner = t.subject) AS owns
          FROM tokens t
          WHERE t.subject = ${subject} AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())`)
      return OperatorStore.of({ grants })
    })
  )
}
