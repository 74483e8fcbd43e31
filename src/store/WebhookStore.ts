/** Deliveries of webhooks: each id once, with the answer it got, so that a repeat gets the same answer. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Rows from "./Rows.ts"

/** One delivery; `webhookId` is the sender's, and stays the same when it sends again. */
export interface Delivery {
  readonly source: "payment" | "ticket"
  readonly webhookId: string
  readonly eventType: string
  readonly body: Schema.Json
  readonly headers: Readonly<Record<string, string>>
}

const Received = Schema.Struct({ fresh: Schema.Boolean, answer: Schema.NullOr(Schema.Json) })

export class WebhookStore extends Context.Service<WebhookStore, {
  /** Stores the delivery; a repeat is not fresh, and `answer` is what the first one was answered, or null. */
  readonly receive: (delivery: Delivery) => Effect.Effect<typeof Received.Type>
  /** Keeps the first answer. */
  readonly answered: (
    source: Delivery["source"],
    webhookId: string,
    answer: Schema.Json
  ) => Effect.Effect<void>
}>()("guichet/store/WebhookStore") {
  static readonly layer: Layer.Layer<WebhookStore, never, SqlClient.SqlClient> = Layer.effect(
    WebhookStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const receive: WebhookStore["Service"]["receive"] = Effect.fn("WebhookStore.receive")(
        function* (delivery) {
          const inserted = yield* Rows.first(Received)(sql`
          INSERT INTO webhook_deliveries (source, webhook_id, event_type, body, headers)
          VALUES (${delivery.source}, ${delivery.webhookId}, ${delivery.eventType},
            ${JSON.stringify(delivery.body)}::jsonb, ${JSON.stringify(delivery.headers)}::jsonb)
          ON CONFLICT (source, webhook_id) DO NOTHING RETURNING true AS fresh, answer`)
          if (inserted._tag === "Some") return inserted.value
          const stored = yield* Rows.first(Received)(sql`
          SELECT false AS fresh, answer FROM webhook_deliveries
          WHERE source = ${delivery.source} AND webhook_id = ${delivery.webhookId}`)
          return yield* Effect.orDie(Effect.fromOption(stored))
        }
      )

      const answered: WebhookStore["Service"]["answered"] = (source, webhookId, answer) =>
        Rows.run(sql`
          UPDATE webhook_deliveries SET answer = ${JSON.stringify(answer)}::jsonb
          WHERE source = ${source} AND webhook_id = ${webhookId} AND answer IS NULL`)

      return WebhookStore.of({ receive, answered })
    })
  )
}
