/**
 * Deletes what is no longer needed: keys, webhooks, feeds and answered mail after 31 days, signatures and the files of
 * replaced logos sooner.
 */
import { Duration, Effect } from "effect"
import * as Keeper from "../durable/Keeper.ts"
import { IdempotencyStore } from "../store/IdempotencyStore.ts"
import { RetentionStore } from "../store/retention/RetentionStore.ts"
import { ServiceRequestStore } from "../trust/ServiceRequestStore.ts"
import { sweepLogos } from "../tickets/LogoSweep.ts"

/** Stripe retries for 3 days and lists events for 30: a repeat within 31 days gets its first answer. */
const keysLive = Duration.days(31)

/**
 * A signature is believed for ten minutes and refused by its time alone after that; the rest is for clocks of processes
 * and of the database that differ.
 */
const signaturesLive = "15 minutes"

/** Once. */
export const sweep = Effect.gen(function* () {
  const keys = yield* (yield* IdempotencyStore).forget(keysLive)
  const signatures = yield* (yield* ServiceRequestStore).forget(signaturesLive)
  yield* (yield* RetentionStore).forget(keysLive)
  yield* sweepLogos
  yield* Effect.logDebug("Housekeeping", { keys, signatures })
})

/** Runs on one process of the cluster, every ten minutes. */
export const HousekeepingLayer = Keeper.make("Housekeeping", sweep, "10 minutes")
