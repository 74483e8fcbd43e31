/** Says when the process is leaving: readiness turns off first, then requests in flight finish. */
import { Config, Context, Deferred, Duration, Effect, Layer, Schema } from "effect"

/** How long a stopping process stays up for the load balancer to notice. */
export const drainSeconds = Config.withDefault(
  Config.schema(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 3_600 })), "DRAIN_SECONDS"),
  0
)

/** Whether the process drains, and the switches. */
export class Drain extends Context.Service<Drain, {
  readonly draining: Effect.Effect<boolean>
  /** The same without a fiber. */
  readonly isDraining: () => boolean
  readonly begin: Effect.Effect<void>
  /** Completes when the servers are about to close: what would go on for ever ends here. */
  readonly leaving: Effect.Effect<void>
  readonly leave: Effect.Effect<void>
}>()("guichet/http/Drain") {
  /** Not draining. */
  static readonly layer: Layer.Layer<Drain> = Layer.effect(
    Drain,
    Effect.gen(function* () {
      let isDraining = false
      const left = yield* Deferred.make<void>()
      return Drain.of({
        draining: Effect.sync(() => isDraining),
        isDraining: () => isDraining,
        begin: Effect.sync(() => {
          isDraining = true
        }),
        leaving: Deferred.await(left),
        leave: Effect.asVoid(Deferred.succeed(left, undefined))
      })
    })
  )

  /**
   * Begins draining when the process is asked to stop, waits `DRAIN_SECONDS` (0) for the load balancer to
   * notice, then ends the live streams.
   * Build it on top of the servers (`Drain.layerOnStop.pipe(Layer.provide(servers))`): what is built last
   * stops first.
   */
  static readonly layerOnStop: Layer.Layer<never, Config.ConfigError, Drain> = Layer.effectDiscard(
    Effect.gen(function* () {
      const drain = yield* Drain
      const seconds = yield* drainSeconds
      yield* Effect.addFinalizer(() =>
        Effect.logInfo("Draining: no longer ready, finishing what is in flight").pipe(
          Effect.andThen(drain.begin),
          Effect.andThen(Effect.sleep(Duration.seconds(seconds))),
          Effect.andThen(drain.leave)
        )
      )
    })
  )
}
