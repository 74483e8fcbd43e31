/** What happens to one flow or job, as a numbered stream that can be resumed. */
import * as Schema from "effect/Schema"
import * as Entity from "effect/cluster/Entity"
import * as Rpc from "effect/rpc/Rpc"
import { Instant } from "./Values.ts"

/** One event of a feed; `seq` counts from 1 without a gap and is the SSE event id. */
export const FeedEvent = Schema.Struct({
  seq: Schema.Int,
  at: Instant,
  kind: Schema.String,
  data: Schema.Json
})
export type FeedEvent = typeof FeedEvent.Type

/** The kind of a feed's last event. */
export const closing = "closed"

/** Wakes the watchers: events were stored. Volatile: watchers also look by themselves. */
export const Announce = Rpc.make("Announce", {})

/** Every event after `after`, then live until the feed closes. Volatile: a reader resumes by number. */
export const Watch = Rpc.make("Watch", { payload: { after: Schema.Int }, success: FeedEvent, stream: true })

export const Feed = Entity.make("Feed", [Announce, Watch])
