/** Feeds as server-sent events: the number of an event is the id that a client resumes after. */
import { DateTime, Effect, Schedule, type Schema, Stream } from "effect"
import { HttpBody, HttpEffect, type HttpServerRequest, HttpServerResponse } from "effect/http"
import type { FeedEvent } from "../../rpc/Feed.ts"
import type { Drain } from "./Drain.ts"
import { reportFault } from "./FaultReport.ts"

export const toSse = (event: FeedEvent): { id: string; event: string; data: Schema.Json } => ({
  id: String(event.seq),
  event: event.kind,
  data: { at: DateTime.formatIso(event.at), ...(event.data as Record<string, Schema.Json>) }
})

/** Less than the idle time after which proxies cut a connection: a minute, often, and thirty seconds at some. */
const quiet = "15 seconds"

/** A line that clients ignore (HTML, §9.2.6). */
const heartbeat = new TextEncoder().encode(": keep-alive\n\n")

/** The events of an answer, and between them a heartbeat every fifteen seconds. */
const kept = (response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse => {
  const { body } = response
  if (body._tag !== "Stream") return response
  const beats = Stream.as(Stream.fromSchedule(Schedule.spaced(quiet)), heartbeat)
  const stream = Stream.merge(body.stream, beats, { haltStrategy: "left" })
  return HttpServerResponse.setBody(response, HttpBody.stream(stream, body.contentType))
}

const untilLeft = <A>(drain: Drain["Service"], stream: Stream.Stream<A>): Stream.Stream<A> =>
  stream.pipe(
    Stream.interruptWhen(drain.leaving),
    Stream.catchCause((cause) => Stream.fromEffectDrain(reportFault(cause)))
  )

/**
 * Answers with a stream, kept alive while nothing happens; when the process leaves, or the stream fails on our side, it
 * ends, and its client goes on elsewhere after its last id.
 */
export const served = <A, E, R>(
  drain: Drain["Service"],
  stream: Effect.Effect<Stream.Stream<A>, E, R>
): Effect.Effect<Stream.Stream<A>, E, R | HttpServerRequest.HttpServerRequest> =>
  HttpEffect.withPreResponseHandler(
    Effect.map(stream, (events) => untilLeft(drain, events)),
    (_request, response) => Effect.succeed(kept(response))
  )

/** Answers with a feed. */
export const live = <E, R>(
  drain: Drain["Service"],
  feed: Effect.Effect<Stream.Stream<FeedEvent>, E, R>
) => served(drain, Effect.map(feed, Stream.map(toSse)))
