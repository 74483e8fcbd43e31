/** The keys that verify tickets, as the core publishes them: fetched, kept, and fetched again when one is unknown. */
import { Clock, Context, Effect, Layer, Ref, Schema, Semaphore } from "effect"
import { HttpClientResponse } from "effect/http"
import { TicketKeySet, type TrustedKeys, trustedKeys } from "../../trust/SigningKeys.ts"
import { ServiceTransport } from "../../trust/ServiceTransport.ts"
import { serviceTargets } from "../../trust/ServiceName.ts"

/** The core did not give its keys, and none are kept. */
export class KeysUnavailable extends Schema.TaggedError<KeysUnavailable>()("KeysUnavailable", {
  reason: Schema.String
}) {}

const keptMillis = 300_000
const restMillis = 10_000

/** `current` may be five minutes old; `renewed` ten seconds, for a key id that `current` does not know. */
export class PublishedKeys extends Context.Service<PublishedKeys, {
  readonly current: Effect.Effect<TrustedKeys, KeysUnavailable>
  readonly renewed: Effect.Effect<TrustedKeys, KeysUnavailable>
}>()("guichet/services/scans/PublishedKeys") {
  /** From `/.well-known/guichet-keys.json` of the core; while it is away the keys already known serve on. */
  static readonly layer = Layer.effect(
    PublishedKeys,
    Effect.gen(function* () {
      const client = (yield* ServiceTransport).client("core", { as: "scan-validation-service" })
      const url = new URL("/.well-known/guichet-keys.json", yield* serviceTargets.core.baseUrl).href
      const kept = yield* Ref.make<{ readonly keys: TrustedKeys | undefined; readonly at: number }>({
        keys: undefined,
        at: -Infinity
      })
      const alone = yield* Semaphore.make(1)

      const fetch = client.get(url).pipe(
        Effect.flatMap(HttpClientResponse.filterStatusOk),
        Effect.flatMap(HttpClientResponse.schemaBodyJson(TicketKeySet)),
        Effect.map(trustedKeys),
        Effect.mapError((error) => new KeysUnavailable({ reason: error._tag }))
      )

      const notOlderThan = (millis: number) =>
        alone.withPermits(1)(Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const { at, keys } = yield* Ref.get(kept)
          if (keys !== undefined && now - at < millis) return keys
          const fetched = yield* fetch.pipe(
            Effect.catch((error) =>
              keys === undefined
                ? Effect.fail(error)
                : Effect.as(Effect.logWarning("The keys cannot be renewed"), keys)
            )
          )
          yield* Ref.set(kept, { keys: fetched, at: now })
          return fetched
        }))

      return PublishedKeys.of({ current: notOlderThan(keptMillis), renewed: notOlderThan(restMillis) })
    })
  )

  /** Keys that are known already. */
  static readonly layerOf = (keys: TrustedKeys): Layer.Layer<PublishedKeys> =>
    Layer.succeed(PublishedKeys, { current: Effect.succeed(keys), renewed: Effect.succeed(keys) })
}
