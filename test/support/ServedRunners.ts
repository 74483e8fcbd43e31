/** Processes of one cluster on this machine, and what their metrics say of it. */
import { Effect } from "effect"
import type { Installation } from "./Installation.ts"
import { freePorts, freePortVariables, serve, type Served } from "./Served.ts"

/** Starts one of the runners that share an installation, on ports of its own. */
export const runner = Effect.fnUntraced(function* (installation: Installation) {
  const [port] = yield* freePorts(1)
  return yield* serve({
    ...installation.env,
    ...(yield* freePortVariables),
    GUICHET_CLUSTER: "socket",
    GUICHET_RUNNER_PORT: String(port)
  })
})

/** A gauge of the cluster in the text of a runner's metrics, over all its labels. */
export const gaugeIn = (metrics: string, name: string): number => {
  const values = metrics.matchAll(new RegExp(`^effect_cluster_${name}(?:{[^}]*})? (\\d+)`, "gm"))
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0)
}

/** A gauge of the cluster, as this runner publishes it. */
export const gauge = (served: Served, name: string): Effect.Effect<number> =>
  Effect.map(
    Effect.promise(async () => (await fetch(`${served.core}/metrics`)).text()),
    (metrics) => gaugeIn(metrics, name)
  )
