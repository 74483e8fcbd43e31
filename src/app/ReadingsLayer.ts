/** What the core reads for its metrics: at a scrape, and by itself where they are exported. */
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import * as BacklogMetrics from "../store/BacklogMetrics.ts"
import { paced, Readings } from "../telemetry/metrics/Readings.ts"
import { observabilitySettings } from "../telemetry/Observability.ts"

export const ReadingsLayer = Layer.effect(
  Readings,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const readings = yield* paced(Effect.provideService(BacklogMetrics.read, SqlClient.SqlClient, sql))
    const endpoint = yield* observabilitySettings.endpoint
    if (Option.isSome(endpoint)) {
      yield* readings.pipe(Effect.andThen(Effect.sleep("10 seconds")), Effect.forever, Effect.forkScoped)
    }
    return readings
  })
)
