/**
 * The addresses that an organiser's messages do not go to any more, each with its reason. An entry is known by the digest of
 * its address, so that it holds when the address itself was erased.
 */
import { Context, Effect, Layer, type Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Channel, SuppressionReason } from "../../../rpc/NotificationSequence.ts"
import { EventId } from "../../../rpc/values/Ids.ts"
import { digestOf } from "../AddressDigest.ts"
import * as Rows from "../Rows.ts"

const Row = Schema.Struct({
  channel: Channel,
  digest: Schema.String,
  address: Schema.NullOr(Schema.String),
  reason: SuppressionReason,
  detail: Schema.NullOr(Schema.String),
  created_at: Rows.At
})
type Row = typeof Row.Type
const columns = "channel, digest, address, reason, detail, created_at"

const Message = Schema.Struct({
  message_id: Schema.String,
  event_id: Schema.NullOr(EventId),
  owner: Schema.NullOr(Schema.String),
  channel: Channel,
  recipient: Schema.String
})

/** An address to put on the list, for a reason; `detail` is what was said, such as `550 5.1.1`. */
export interface Suppression {
  readonly channel: Channel
  readonly address: string
  readonly reason: SuppressionReason
  readonly detail: string | null
}

export class SuppressionStore extends Context.Service<SuppressionStore, {
  /** Whose address it is not any more stays on the list; the first reason stays. */
  readonly add: (owner: string, suppression: Suppression) => Effect.Effect<void>
  /** The organisers who have a guest of this address, 100 at most. */
  readonly ownersOf: (address: string) => Effect.Effect<ReadonlyArray<string>>
  /** A page of a list, by digest, after one of them. */
  readonly list: (
    owner: string,
    page: { readonly after: string; readonly limit: number }
  ) => Effect.Effect<ReadonlyArray<Row>>
  readonly find: (owner: string, address: string) => Effect.Effect<ReadonlyArray<Row>>
  /** Takes an entry off the list, and answers whether there was one. */
  readonly lift: (owner: string, digest: string) => Effect.Effect<boolean>
  /** The message that a digest of 32 hex digits names (`md5` of its id), or an id. */
  readonly messageOf: (named: string) => Effect.Effect<Option.Option<typeof Message.Type>>
}>()("guichet/store/notifications/SuppressionStore") {
  static readonly layer = Layer.effect(
    SuppressionStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const columnsOf = sql.literal(columns)

      const add: SuppressionStore["Service"]["add"] = (owner, { address, channel, detail, reason }) =>
        Rows.run(sql`
          INSERT INTO suppressions (owner, channel, digest, address, reason, detail)
          VALUES (${owner}, ${channel}, ${digestOf(address)}, ${address}, ${reason}, ${detail})
          ON CONFLICT (owner, channel, digest) DO UPDATE SET address = EXCLUDED.address`)

      const messageOf: SuppressionStore["Service"]["messageOf"] = (named) =>
        Rows.first(Message)(sql`
          SELECT message_id, n.event_id, e.owner, channel, recipient
          FROM notifications n LEFT JOIN events e USING (event_id)
          WHERE ${
          /^[0-9a-f]{32}$/.test(named) ? sql`md5(message_id) = ${named}` : sql`message_id = ${named}`
        }`)

      const ownersOf: SuppressionStore["Service"]["ownersOf"] = (address) =>
        Effect.map(
          Rows.all(Schema.Struct({ owner: Schema.String }))(sql`
            SELECT DISTINCT e.owner FROM guests g JOIN events e USING (event_id)
            WHERE lower(g.email) = lower(${address}) LIMIT 100`),
          (rows) => rows.map(({ owner }) => owner)
        )

      const list: SuppressionStore["Service"]["list"] = (owner, { after, limit }) =>
        Rows.all(Row)(sql`
          SELECT ${columnsOf} FROM suppressions WHERE owner = ${owner} AND digest > ${after}
          ORDER BY digest LIMIT ${limit}::int`)

      const find: SuppressionStore["Service"]["find"] = (owner, address) =>
        Rows.all(Row)(sql`
          SELECT ${columnsOf} FROM suppressions WHERE owner = ${owner} AND digest = ${digestOf(address)}
          ORDER BY channel`)

      const lift: SuppressionStore["Service"]["lift"] = (owner, digest) =>
        Effect.map(
          Rows.all(Schema.Struct({ digest: Schema.String }))(sql`
            DELETE FROM suppressions WHERE owner = ${owner} AND digest = ${digest} RETURNING digest`),
          (lifted) => lifted.length > 0
        )

      return { add, ownersOf, list, find, lift, messageOf }
    })
  )
}
