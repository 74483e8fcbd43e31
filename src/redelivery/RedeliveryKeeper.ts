/** Sends again what was marked for it: a message at a time as many as a chunk, each once, whoever asked for it and however often. */
import { Effect } from "effect"
import * as Keeper from "../durable/Keeper.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { DeadLetters } from "../store/notifications/DeadLetters.ts"
import { NotificationStore } from "../store/notifications/NotificationStore.ts"
import { remake } from "./Remake.ts"

const chunk = 100

/** One look: chunks until none is marked; a chunk whose mark a kill left is sent again, and its messages say so. */
export const keep = Effect.gen(function* () {
  const letters = yield* DeadLetters
  const ledger = yield* NotificationStore
  const notifier = yield* Notifier
  for (
    let waiting = yield* letters.marked(chunk);
    waiting.length > 0;
    waiting = yield* letters.marked(chunk)
  ) {
    const { gone, messages } = yield* remake(waiting)
    yield* ledger.skip(gone, "what it was about is not there any more")
    yield* ledger.skip(
      messages.flatMap(({ messageId, recipient }) => recipient === null ? [messageId] : []),
      "its reader has no address for the channel any more"
    )
    yield* notifier.send(messages)
    yield* letters.settled(waiting.map(({ message_id }) => message_id))
  }
})

/** Runs on one process of the cluster, every two seconds. */
export const RedeliveryKeeperLayer = Keeper.make("RedeliveryKeeper", keep, "2 seconds")
