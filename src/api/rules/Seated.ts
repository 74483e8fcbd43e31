/** The streams of a route, each in a seat of its caller. */
import { Effect, type Scope, type Stream } from "effect"
import type { TooManyRequests } from "../../http/Problems.ts"
import type { Seats } from "../../limits/Seats.ts"
import { CurrentCaller } from "./CurrentCaller.ts"

/** The stream for as long as the caller's token is good; 429 when the caller watches enough. */
export const seated = <A, E, R>(
  seats: Seats["Service"],
  stream: Effect.Effect<Stream.Stream<A>, E, R>
): Effect.Effect<Stream.Stream<A>, E | TooManyRequests, R | CurrentCaller | Scope.Scope> =>
  Effect.flatMap(CurrentCaller, (caller) => seats.seated(caller, stream))
