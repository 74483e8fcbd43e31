/** Flows under way in this process at once: after a restart thousands go on, the urgent ones first. */
import { Context, Effect, Layer } from "effect"
import * as FairPlaces from "../durable/FairPlaces.ts"
import { FlowStore } from "../store/flows/FlowStore.ts"
import type { Plan } from "./Plan.ts"

/** More keep the processors no busier, and each holds its request in memory. */
const places = 32

/** So many of one owner: whatever its flows wait for, another's go on. */
const each = 24

const turnOf = ({ owner, request }: Plan): FairPlaces.Turn => ({
  owner,
  priority: request.ticket_config.priority
})

/** A flow that waits for tickets, for a payment or for its time holds no place: its run has ended. */
export class FlowPlaces extends Context.Service<FlowPlaces, {
  /** Opens a flow and runs it in a place; where all are taken, it waits and is not opened yet. */
  readonly admit: <A, E, R, R2>(
    flowId: string,
    open: Effect.Effect<Plan, never, R2>,
    run: (plan: Plan) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E, R | R2>
}>()("guichet/flows/FlowPlaces") {
  static readonly layer: Layer.Layer<FlowPlaces, never, FlowStore> = Layer.effect(
    FlowPlaces,
    Effect.map(FlowStore, (flows) => {
      const through = FairPlaces.make({ places, each })
      let under = 0
      const counted = <A, E, R>(work: Effect.Effect<A, E, R>) =>
        Effect.acquireUseRelease(Effect.sync(() => under++), () => work, () => Effect.sync(() => under--))
      return FlowPlaces.of({
        admit: (flowId, open, run) =>
          counted(
            Effect.suspend(() =>
              under <= places
                ? Effect.flatMap(open, (plan) => through(turnOf(plan), run(plan)))
                : Effect.flatMap(flows.turn(flowId), (turn) => through(turn, Effect.flatMap(open, run)))
            )
          )
      })
    })
  )
}
