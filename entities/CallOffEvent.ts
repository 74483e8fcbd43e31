/** An event that is called off: its tickets void, its money back, its guests told, each once. */
import { Effect, Option } from "effect"
import { CallOffEvent } from "../rpc/EventCancellation.ts"
import { outlive } from "../src/durable/Retry.ts"
import { callOff } from "../src/flows/CallOff.ts"
import { CancellationStore } from "../src/store/payments/CancellationStore.ts"

export const CallOffEventLayer = CallOffEvent.toLayer(
  Effect.fnUntraced(function* ({ eventId }) {
    const cancellation = yield* (yield* CancellationStore).get(eventId)
    if (Option.isSome(cancellation)) yield* callOff(cancellation.value)
  }, outlive)
)
