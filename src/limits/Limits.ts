/** Callers are limited by class of route, strangers by address; who is over gets 429, and when to come back. */
import { Clock, type Config, Context, Effect, Layer } from "effect"
import { HttpEffect, type HttpServerRequest, HttpServerResponse } from "effect/http"
import { type Caller, isGranted } from "../../rpc/values/Caller.ts"
import { TooManyRequests } from "../http/Problems.ts"
import { Buckets } from "./Buckets.ts"
import { clientOf, trustedProxies } from "./ClientAddress.ts"
import { type LimitClass, limitRates, type Rate, strangerRate } from "./LimitClasses.ts"
import { LocalBuckets, type Taken } from "./LocalBuckets.ts"

const seconds = (millis: number): number => Math.max(1, Math.ceil(millis / 1_000))

const overLimit = (detail: string, { waitMillis }: Taken) =>
  new TooManyRequests({
    detail: `${detail}: wait as long as Retry-After says, then send the request again.`,
    retry_after: seconds(waitMillis)
  })

/** The headers of draft-ietf-httpapi-ratelimit-headers, for the class whose bucket this is. */
const described = (name: string, { burst, perSecond }: Rate, { fullMillis, remaining }: Taken) =>
  HttpEffect.appendPreResponseHandler((_request, response) =>
    Effect.succeed(HttpServerResponse.setHeaders(response, {
      "ratelimit-policy": `"${name}";q=${burst};w=${seconds(burst * 1_000 / perSecond)}`,
      "ratelimit": `"${name}";r=${remaining};t=${Math.ceil(fullMillis / 1_000)}`
    }))
  )

/** As whom a caller is counted beside the token: an organisation with all its tokens, an operator alone. */
export const limitedAs = ({ owner, role, tokenId }: Caller): string =>
  isGranted(role) ? tokenId : `of ${owner}`

/** The limits of this process. */
export class Limits extends Context.Service<Limits, {
  /** Counts a request of the caller and says on its answer what is left. */
  readonly take: (
    caller: Caller,
    limitClass: LimitClass
  ) => Effect.Effect<void, TooManyRequests, HttpServerRequest.HttpServerRequest>
  /** Counts a scan without a fiber; false when it is over the limit. */
  readonly takeScan: (tokenId: string) => boolean
  /** Counts a token that was never seen before, before it is looked up; answers what forgets it when it is good. */
  readonly takeStranger: (
    request: HttpServerRequest.HttpServerRequest
  ) => Effect.Effect<() => void, TooManyRequests>
}>()("guichet/limits/Limits") {
  static readonly layer: Layer.Layer<Limits, Config.ConfigError, Buckets> = Layer.effect(
    Limits,
    Effect.gen(function* () {
      const buckets = yield* Buckets
      const clock = yield* Clock.Clock
      const now = () => clock.currentTimeMillisUnsafe()
      /** No scan waits for Redis, and what strangers send fills nothing of it. */
      const scans = new LocalBuckets(now)
      const addresses = new LocalBuckets(now)
      const rates = yield* Effect.all(limitRates)
      const proxies = yield* trustedProxies
      const ofAddress = yield* strangerRate

      const scan = (tokenId: string) =>
        rates.scans.token === undefined ? undefined : scans.take(tokenId, rates.scans.token)

      const counted = Effect.fnUntraced(function* (
        { describes, key, limitClass, rate, whose }: {
          readonly limitClass: LimitClass
          readonly key: string
          readonly rate: Rate
          readonly whose: string
          readonly describes: boolean
        }
      ) {
        const taken = limitClass === "scans"
          ? scans.take(key, rate)
          : yield* buckets.take(`${limitClass}:${key}`, rate)
        if (describes || !taken.allowed) yield* described(limitClass, rate, taken)
        if (!taken.allowed) return yield* overLimit(`${whose} sends more ${limitClass} than it may`, taken)
      })

      const take = Effect.fnUntraced(function* (caller: Caller, limitClass: LimitClass) {
        const { organiser, token } = rates[limitClass]
        if (token !== undefined) {
          yield* counted({
            limitClass,
            key: caller.tokenId,
            rate: token,
            whose: "Your token",
            describes: limitClass !== "scans"
          })
        }
        if (organiser !== undefined) {
          yield* counted({
            limitClass,
            key: limitedAs(caller),
            rate: organiser,
            whose: "Your organisation",
            describes: token === undefined
          })
        }
      })

      const takeStranger = (request: HttpServerRequest.HttpServerRequest) =>
        Effect.suspend(() => {
          const client = ofAddress === undefined ? undefined : clientOf(request, proxies)
          if (client === undefined || ofAddress === undefined) return Effect.succeed(() => {})
          const taken = addresses.take(client, ofAddress)
          return taken.allowed
            ? Effect.succeed(() => addresses.giveBack(client))
            : Effect.fail(overLimit("Your address sends too many tokens that nobody knows", taken))
        })

      return Limits.of({ take, takeScan: (tokenId) => scan(tokenId)?.allowed ?? true, takeStranger })
    })
  )
}
