/** Feeds as server-sent events: the number of an event is the id that a client resumes after. */
import { DateTime, type Schema, Stream } from "effect"
import type { FeedEvent } from "../../../rpc/Feed.ts"
import type { Drain } from "../Drain.ts"
import { reportFault } from "../FaultReport.ts"

export const toSse = (event: FeedEvent): { id: string; event: string; data: Schema.Json } => ({
  id: String(event.seq),
  event: event.kind,
  data: { at: DateTime.formatIso(event.at), ...(event.data as Record<string, Schema.Json>) }
})

/**
 * A stream as it is served; when the process leaves, or the stream fails on our side, it ends, and its client goes on
 * elsewhere after its last id.
 */
export const untilLeft = <A>(drain: Drain["Service"], stream: Stream.Stream<A>): Stream.Stream<A> =>
  stream.pipe(
    Stream.interruptWhen(drain.leaving),
    Stream.catchCause((cause) => Stream.fromEffectDrain(reportFault(cause)))
  )

/** A feed as it is served. */
export const live = (drain: Drain["Service"], feed: Stream.Stream<FeedEvent>) =>
  untilLeft(drain, Stream.map(feed, toSse))
