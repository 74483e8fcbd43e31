/** Says when the process is leaving: readiness turns off first, then requests in flight finish. */
import { Config, Context, Duration, Effect, Layer, Ref } from "effect"

/** Whether the process drains, and the switch. */
export class Drain extends Context.Service<Drain, {
  readonly draining: Effect.Effect<boolean>
  readonly begin: Effect.Effect<void>
}>()("guichet/http/Drain") {
  /** Not draining. */
  static readonly layer: Layer.Layer<Drain> = Layer.effect(
    Drain,
    Effect.map(Ref.make(false), (flag) => Drain.of({ draining: Ref.get(flag), begin: Ref.set(flag, true) }))
  )

  /**
   * Begins draining when the process is told to stop, and waits `DRAIN_SECONDS` (0) for the load balancer to
   * notice.
   * Build it on top of the servers (`Drain.layerOnStop.pipe(Layer.provide(servers))`): what is built last
   * stops first.
   */
  static readonly layerOnStop: Layer.Layer<never, Config.ConfigError, Drain> = Layer.effectDiscard(
    Effect.gen(function*() {
      const drain = yield* Drain
      const seconds = yield* Config.withDefault(Config.Finite("DRAIN_SECONDS"), 0)
      yield* Effect.addFinalizer(() =>
        Effect.logInfo("Draining: no longer ready, finishing what is in flight").pipe(
          Effect.andThen(drain.begin),
          Effect.andThen(Effect.sleep(Duration.seconds(seconds)))
        )
      )
    })
  )
}
