/** What was answered under each Idempotency-Key, and who is answering now: a lease, never a lock. */
import { Context, DateTime, Duration, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"

/** A request that carries a key: who sent it, where to, and the digest of what it says. */
export interface KeyedRequest {
  readonly caller: string
  readonly key: string
  readonly route: string
  readonly bodyDigest: string
}

/** An answer as it is stored and sent again. */
export interface StoredAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** `Taken`: answer it, under this fence. `InUse`: someone does, ask again in so many seconds. */
export type KeyState =
  | { readonly _tag: "Taken"; readonly fence: string }
  | { readonly _tag: "InUse"; readonly retryAfter: number }
  | { readonly _tag: "Reused" }
  | { readonly _tag: "Finished"; readonly answer: StoredAnswer }

const decodeFences = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ fence: Schema.String })))

const decodeKeys = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({
  route: Schema.String,
  body_digest: Schema.String,
  state: Schema.Literals(["in_progress", "finished"]),
  wait: Schema.Int,
  status: Schema.NullOr(Schema.Int),
  headers: Schema.NullOr(Schema.Record(Schema.String, Schema.String)),
  body: Schema.NullOr(Schema.Uint8Array)
})))

const decodeForgotten = Schema.decodeUnknownEffect(Schema.Array(Schema.Struct({ key: Schema.String })))

/** Takes, finishes and releases keys; a taken key whose lease ran out is taken again by the same request. */
export class IdempotencyStore extends Context.Service<IdempotencyStore, {
  readonly take: (request: KeyedRequest) => Effect.Effect<KeyState>
  readonly finish: (request: KeyedRequest, fence: string, answer: StoredAnswer) => Effect.Effect<boolean>
  readonly release: (request: KeyedRequest, fence: string) => Effect.Effect<void>
  /** By the clock of the process, as all retention is; leases, which processes compare, are the database's. */
  readonly forget: (olderThan: Duration.Input) => Effect.Effect<number>
}>()("guichet/store/IdempotencyStore") {
  /** A lease of ten seconds: ids derive from the key, so that an answer which takes longer does nothing twice. */
  static readonly layer: Layer.Layer<IdempotencyStore, never, SqlClient.SqlClient> = Layer.suspend(() =>
    IdempotencyStore.layerWith({ lease: "10 seconds" })
  )

  /** A chosen lease: longer than the slowest handler, short enough to wait for after a crash. */
  static readonly layerWith = (
    options: { readonly lease: Duration.Input }
  ): Layer.Layer<IdempotencyStore, never, SqlClient.SqlClient> =>
    Layer.effect(
      IdempotencyStore,
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const lease = Duration.toSeconds(Duration.fromInputUnsafe(options.lease))

        const take = Effect.fn("IdempotencyStore.take")(
          function* ({ caller, key, route, bodyDigest }: KeyedRequest) {
            const [taken] = yield* decodeFences(
              yield* sql`
              INSERT INTO idempotency_keys (caller, key, route, body_digest, state, lease_until)
              VALUES (${caller}, ${key}, ${route}, ${bodyDigest}, 'in_progress',
                clock_timestamp() + make_interval(secs => ${lease}))
              ON CONFLICT (caller, key) DO UPDATE SET lease_until = EXCLUDED.lease_until
              WHERE idempotency_keys.state = 'in_progress'
                AND idempotency_keys.lease_until < clock_timestamp()
                AND idempotency_keys.route = EXCLUDED.route
                AND idempotency_keys.body_digest = EXCLUDED.body_digest
              RETURNING lease_until::text AS fence`
            )
            if (taken !== undefined) return { _tag: "Taken", fence: taken.fence } satisfies KeyState
            const [held] = yield* decodeKeys(
              yield* sql`
              SELECT route, body_digest, state, status, headers, body,
                greatest(1, ceil(extract(epoch FROM lease_until - clock_timestamp())))::int AS wait
              FROM idempotency_keys WHERE caller = ${caller} AND key = ${key}`
            )
            if (held === undefined) return { _tag: "InUse", retryAfter: 1 } satisfies KeyState
            if (held.route !== route || held.body_digest !== bodyDigest) {
              return { _tag: "Reused" } satisfies KeyState
            }
            if (held.state === "in_progress" || held.status === null) {
              return { _tag: "InUse", retryAfter: Math.min(held.wait, 5) } satisfies KeyState
            }
            const answer = {
              status: held.status,
              headers: held.headers ?? {},
              body: held.body ?? new Uint8Array()
            }
            return { _tag: "Finished", answer } satisfies KeyState
          },
          Effect.orDie
        )

        const finish = Effect.fn("IdempotencyStore.finish")(
          function* ({ caller, key }: KeyedRequest, fence: string, { status, headers, body }: StoredAnswer) {
            const rows = yield* sql`
              UPDATE idempotency_keys
              SET state = 'finished', status = ${status}, headers = ${
              JSON.stringify(headers)
            }::jsonb, body = ${body}
              WHERE caller = ${caller} AND key = ${key} AND state = 'in_progress'
                AND lease_until = ${fence}::timestamptz
              RETURNING key`
            return rows.length === 1
          },
          Effect.orDie
        )

        const release = Effect.fn("IdempotencyStore.release")(
          function* ({ caller, key }: KeyedRequest, fence: string) {
            yield* sql`
            DELETE FROM idempotency_keys
            WHERE caller = ${caller} AND key = ${key} AND state = 'in_progress'
              AND lease_until = ${fence}::timestamptz`
          },
          Effect.orDie
        )

        const forget = Effect.fn("IdempotencyStore.forget")(function* (olderThan: Duration.Input) {
          const before = DateTime.toDateUtc(DateTime.subtractDuration(yield* DateTime.now, olderThan))
          const rows = yield* decodeForgotten(
            yield* sql`
              DELETE FROM idempotency_keys
              WHERE created_at < ${before}::timestamptz AND lease_until < ${before}::timestamptz
              RETURNING key`
          )
          return rows.length
        }, Effect.orDie)

        return IdempotencyStore.of({ take, finish, release, forget })
      })
    )
}
