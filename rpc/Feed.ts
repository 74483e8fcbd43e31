/** What happens to one flow or job, as a numbered series that can be read live and resumed. */
import * as Schema from "effect/Schema"
import { Instant } from "./values/Values.ts"

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
