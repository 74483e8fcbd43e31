/**
 * Deliveries of webhooks: each id once, with the answer it got, so that a repeat gets the same answer. Those that come
 * together share a statement and its commit; an idle store writes at once.
 */
import { Context, Effect, Exit, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { isTransient } from "../database/TransientFault.ts"
import * as Batching from "../durable/Batching.ts"
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
type Received = typeof Received.Type

/** A delivery's id. */
type Key = Pick<Delivery, "source" | "webhookId">

/** An answer to keep. */
interface Answer extends Key {
  readonly answer: Schema.Json
}

/** Deliveries in one statement, and statements under way. */
const group = { limit: 64, atOnce: 2 }

const keyOf = ({ source, webhookId }: Key): string => `${source} ${webhookId}`

/** In one order whoever writes: two statements that share keys wait for each other in that order, and never in a circle. */
const inOrder = <A extends Key>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
  const keys = new Map(items.map((item) => [item, keyOf(item)]))
  return items.toSorted((one, other) => {
    const [left, right] = [keys.get(one)!, keys.get(other)!]
    return left < right ? -1 : left > right ? 1 : 0
  })
}

const Found = Schema.Struct({
  source: Schema.Literals(["payment", "ticket"]),
  webhook_id: Schema.String,
  answer: Schema.NullOr(Schema.Json)
})

const Inserted = Schema.Struct({ source: Found.fields.source, webhook_id: Schema.String })

const nameOf = ({ source, webhook_id }: typeof Inserted.Type): string =>
  keyOf({ source, webhookId: webhook_id })

/**
 * Many at a time: what the database refuses of one fails no other, and while it is away nobody is tried in vain. A defect
 * is what `together` dies with.
 */
const grouped = <A, B>(
  name: string,
  together: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>>
) =>
  Effect.gen(function* () {
    const oneByOne = Effect.fnUntraced(function* (items: ReadonlyArray<A>) {
      const exits: Array<Exit.Exit<B>> = []
      for (const item of items) {
        const last = exits.at(-1)
        const isAway = last !== undefined && Exit.isFailure(last) && isTransient(last.cause)
        exits.push(isAway ? last : yield* Effect.exit(Effect.map(together([item]), ([only]) => only!)))
      }
      return exits
    })
    const answer = (items: ReadonlyArray<A>): Effect.Effect<ReadonlyArray<Exit.Exit<B>>> =>
      Effect.flatMap(Effect.exit(together(items)), (exit) => {
        if (Exit.isSuccess(exit)) return Effect.succeed(exit.value.map((one) => Exit.succeed(one)))
        return items.length === 1 ? Effect.succeed([Exit.failCause(exit.cause)]) : oneByOne(items)
      })
    const line = yield* Batching.make({ name, ...group, answer })
    return (item: A): Effect.Effect<B> => Effect.flatMap(line.submit([item]), ([exit]) => exit!)
  })

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

      const all = Rows.all(Found)
      const inserted = Rows.all(Inserted)

      const insert = (deliveries: ReadonlyArray<Delivery>) => {
        const rows = inOrder(deliveries)
        return inserted(sql`
          INSERT INTO webhook_deliveries (source, webhook_id, event_type, body, headers)
          SELECT * FROM unnest(${rows.map(({ source }) => source)}::text[],
            ${rows.map(({ webhookId }) => webhookId)}::text[],
            ${rows.map(({ eventType }) => eventType)}::text[],
            ${rows.map(({ body }) => JSON.stringify(body))}::jsonb[],
            ${rows.map(({ headers }) => JSON.stringify(headers))}::jsonb[])
          ON CONFLICT (source, webhook_id) DO NOTHING RETURNING source, webhook_id`)
      }

      const stored = (keys: ReadonlyArray<Key>) =>
        all(sql`
          SELECT d.source, d.webhook_id, d.answer FROM webhook_deliveries d
          JOIN unnest(${keys.map(({ source }) => source)}::text[],
            ${keys.map(({ webhookId }) => webhookId)}::text[]) AS asked (source, webhook_id)
          USING (source, webhook_id)`)

      /** Of several of one id that come together the first is the fresh one, as if they had come one after the other. */
      const receiveAll = Effect.fnUntraced(function* (deliveries: ReadonlyArray<Delivery>) {
        const keys = deliveries.map(keyOf)
        const firsts = deliveries.filter((_, at) => keys.indexOf(keys[at]!) === at)
        const fresh = new Set((yield* insert(firsts)).map(nameOf))
        const isFresh = keys.map((key, at) => fresh.has(key) && keys.indexOf(key) === at)
        const repeated = deliveries.filter((_, at) => !isFresh[at])
        const answers = new Map(
          repeated.length === 0 ? [] : (yield* stored(repeated)).map((row) => [nameOf(row), row.answer])
        )
        return yield* Effect.forEach(keys, (key, at): Effect.Effect<Received> => {
          const answer = isFresh[at] ? null : answers.get(key)
          return answer === undefined
            ? Effect.die(new Error("A delivery is neither new nor stored"))
            : Effect.succeed({ fresh: isFresh[at]!, answer })
        })
      })

      const keepAll = (answers: ReadonlyArray<Answer>) => {
        const rows = inOrder(answers)
        return Effect.as(
          Rows.run(sql`
            WITH given AS (
              SELECT * FROM unnest(${rows.map(({ source }) => source)}::text[],
                ${rows.map(({ webhookId }) => webhookId)}::text[],
                ${rows.map(({ answer }) => JSON.stringify(answer))}::jsonb[])
                AS given (source, webhook_id, said)
            ), open AS (
              SELECT source, webhook_id, said FROM webhook_deliveries d JOIN given USING (source, webhook_id)
              WHERE d.answer IS NULL ORDER BY source, webhook_id FOR UPDATE OF d
            )
            UPDATE webhook_deliveries d SET answer = open.said FROM open
            WHERE d.source = open.source AND d.webhook_id = open.webhook_id AND d.answer IS NULL`),
          answers.map(() => undefined)
        )
      }

      const receive = yield* grouped("WebhookStore.receive", receiveAll)
      const keep = yield* grouped("WebhookStore.answered", keepAll)

      return WebhookStore.of({
        receive,
        answered: (source, webhookId, answer) => keep({ source, webhookId, answer })
      })
    })
  )
}
