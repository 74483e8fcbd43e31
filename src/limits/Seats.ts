/** Who watches event streams here: so many for each token, organiser and process, and none whose token is no longer good. */
import { Config, Context, Deferred, Effect, Layer, Schema, type Scope, Stream } from "effect"
import { type Caller, isGranted } from "../../rpc/values/Caller.ts"
import { TooManyRequests } from "../http/Problems.ts"
import { TokenStore } from "../store/TokenStore.ts"
import { logFault } from "../telemetry/Faults.ts"

/** The streams that one token and one organiser may hold open in a process. */
export const mostOf = { token: 20, organiser: 100 }

/** The streams of a process; 0 is no limit. */
export const mostStreams = Config.withDefault(
  Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 })), "LIMIT_STREAMS"),
  2_000
)

/** How often the tokens that hold streams are looked at: a revoked one loses them within five seconds. */
const every = "2 seconds"

const full = (detail: string) =>
  new TooManyRequests({
    detail: `${detail}: close one, or wait as long as Retry-After says.`,
    retry_after: 15
  })

/** One token's streams, and what ends them. */
interface Holder {
  seats: number
  readonly ended: Deferred.Deferred<void>
}

const count = (counts: Map<string, number>, key: string, change: 1 | -1) => {
  const now = (counts.get(key) ?? 0) + change
  if (now === 0) counts.delete(key)
  else counts.set(key, now)
}

/** The seats of this process. */
export class Seats extends Context.Service<Seats, {
  /** Takes a seat for the caller until the scope closes; the stream ends when the caller's token does. */
  readonly seated: <A, E, R>(
    caller: Caller,
    stream: Effect.Effect<Stream.Stream<A>, E, R>
  ) => Effect.Effect<Stream.Stream<A>, E | TooManyRequests, R | Scope.Scope>
}>()("guichet/limits/Seats") {
  static readonly layer: Layer.Layer<Seats, Config.ConfigError, TokenStore> = Layer.effect(
    Seats,
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const most = yield* mostStreams
      const holders = new Map<string, Holder>()
      const organisers = new Map<string, number>()
      let taken = 0

      const refusal = ({ owner, role, tokenId }: Caller): TooManyRequests | undefined => {
        if (most > 0 && taken >= most) return full("This process serves as many streams as it may")
        if ((holders.get(tokenId)?.seats ?? 0) >= mostOf.token) {
          return full(`Your token holds ${mostOf.token} streams open`)
        }
        return !isGranted(role) && (organisers.get(owner) ?? 0) >= mostOf.organiser
          ? full(`Your tokens hold ${mostOf.organiser} streams open together`)
          : undefined
      }

      const sit = (caller: Caller) =>
        Effect.suspend(() => {
          const refused = refusal(caller)
          if (refused !== undefined) return Effect.fail(refused)
          const holder = holders.get(caller.tokenId) ?? { seats: 0, ended: Deferred.makeUnsafe<void>() }
          holder.seats++
          holders.set(caller.tokenId, holder)
          count(organisers, caller.owner, 1)
          taken++
          return Effect.succeed(holder)
        })

      const leave = ({ owner, tokenId }: Caller, holder: Holder) =>
        Effect.sync(() => {
          holder.seats--
          if (holder.seats === 0 && holders.get(tokenId) === holder) holders.delete(tokenId)
          count(organisers, owner, -1)
          taken--
        })

      const end = (tokenId: string) =>
        Effect.suspend(() => {
          const holder = holders.get(tokenId)
          holders.delete(tokenId)
          return holder === undefined ? Effect.void : Deferred.succeed(holder.ended, undefined)
        })

      const look = Effect.suspend(() => {
        const sitting = [...holders.keys()]
        return sitting.length === 0 ? Effect.void : Effect.flatMap(
          tokens.good(sitting),
          (good) => Effect.forEach(sitting.filter((tokenId) => !good.has(tokenId)), end, { discard: true })
        )
      })

      yield* Effect.sleep(every).pipe(
        Effect.andThen(look),
        Effect.catchCause((cause) => logFault("The tokens of open streams could not be looked at", cause)),
        Effect.withTracerEnabled(false),
        Effect.forever,
        Effect.forkScoped
      )
      yield* tokens.revocations.pipe(
        Stream.runForEach(end),
        Effect.forkScoped
      )

      return Seats.of({
        seated: (caller, stream) =>
          Effect.flatMap(
            Effect.acquireRelease(sit(caller), (holder) => leave(caller, holder)),
            ({ ended }) => Effect.map(stream, Stream.interruptWhen(Deferred.await(ended)))
          )
      })
    })
  )
}
