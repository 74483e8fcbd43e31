/** Nobody is limited: for tests that are about something else, and ask more than people do. */
import { ConfigProvider, Layer } from "effect"
import { Buckets } from "../../src/limits/Buckets.ts"
import { limitClasses, strangers } from "../../src/limits/LimitClasses.ts"
import { Limits } from "../../src/limits/Limits.ts"

/** The settings of the environment that switch every limit off; how fast a machine is decides no test. */
export const noLimits: Readonly<Record<string, string>> = {
  REQUEST_DEADLINE: "2 minutes",
  ...Object.fromEntries([...Object.values(limitClasses), strangers].map(({ variable }) => [variable, "0"]))
}

/** Limits that let everything pass. */
export const unlimited: Layer.Layer<Limits> = Limits.layer.pipe(
  Layer.provide(Buckets.layerLocal),
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(noLimits))),
  Layer.orDie
)
