/**
 * The signed requests already accepted, so that a copied one is refused while its timestamp would still
 * pass.
 */
import { Context, DateTime, Duration, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"

const decodeSignatures = Schema.decodeUnknownEffect(
  Schema.Array(Schema.Struct({ signature_digest: Schema.String }))
)

/** `accept` is true for the first one to show this signature, and false ever after. */
export class ServiceRequestStore extends Context.Service<ServiceRequestStore, {
  readonly accept: (service: string, signatureDigest: string) => Effect.Effect<boolean>
  readonly forget: (olderThan: Duration.Input) => Effect.Effect<number>
}>()("guichet/trust/ServiceRequestStore") {
  static readonly layer: Layer.Layer<ServiceRequestStore, never, SqlClient.SqlClient> = Layer.effect(
    ServiceRequestStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const accept = Effect.fn("ServiceRequestStore.accept")(
        function* (service: string, signatureDigest: string) {
          const rows = yield* decodeSignatures(
            yield* sql`
            INSERT INTO service_requests (service, signature_digest) VALUES (${service}, ${signatureDigest})
            ON CONFLICT DO NOTHING RETURNING signature_digest`
          )
          return rows.length === 1
        },
        Effect.orDie
      )

      const forget = Effect.fn("ServiceRequestStore.forget")(function* (olderThan: Duration.Input) {
        const before = DateTime.toDateUtc(DateTime.subtractDuration(yield* DateTime.now, olderThan))
        const rows = yield* decodeSignatures(
          yield* sql`
            DELETE FROM service_requests WHERE received_at < ${before}::timestamptz
            RETURNING signature_digest`
        )
        return rows.length
      }, Effect.orDie)

      return ServiceRequestStore.of({ accept, forget })
    })
  )

  /** For a process without a database: remembers the last ones here, longer than a timestamp is believed. */
  static readonly layerMemory: Layer.Layer<ServiceRequestStore> = Layer.sync(ServiceRequestStore, () => {
    const seen = new Map<string, number>()
    const kept = Duration.toMillis(Duration.minutes(11))
    const drop = (before: number) => {
      let dropped = 0
      for (const [id, at] of seen) {
        if (at >= before) break
        seen.delete(id)
        dropped++
      }
      return dropped
    }
    return ServiceRequestStore.of({
      accept: (service, signatureDigest) =>
        Effect.clockWith((clock) =>
          Effect.sync(() => {
            const now = clock.currentTimeMillisUnsafe()
            drop(now - kept)
            const id = `${service} ${signatureDigest}`
            if (seen.has(id)) return false
            seen.set(id, now)
            return true
          })
        ),
      forget: (olderThan) =>
        Effect.clockWith((clock) =>
          Effect.sync(() =>
            drop(clock.currentTimeMillisUnsafe() - Duration.toMillis(Duration.fromInputUnsafe(olderThan)))
          )
        )
    })
  })
}
