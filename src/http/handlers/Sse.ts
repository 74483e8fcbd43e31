/** A feed's event as a server-sent event: its number is the id that a client resumes after. */
import { DateTime, type Schema, Stream } from "effect"
import type { FeedEvent } from "../../../rpc/Feed.ts"
import type { Drain } from "../Drain.ts"

export const toSse = (event: FeedEvent): { id: string; event: string; data: Schema.Json } => ({
  id: String(event.seq),
  event: event.kind,
  data: { at: DateTime.formatIso(event.at), ...(event.data as Record<string, Schema.Json>) }
})

/** A feed as it is served; when the process leaves it ends, and its client goes on elsewhere after its last id. */
export const live = (drain: Drain["Service"], feed: Stream.Stream<FeedEvent>) =>
  feed.pipe(Stream.map(toSse), Stream.interruptWhen(drain.leaving))
