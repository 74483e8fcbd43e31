/** Bearer tokens on every client route: no token, no answer; and no more answers than the token's limits allow. */
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { Forbidden, InvalidRequest, TooManyRequests, Unauthenticated } from "../../http/Problems.ts"
import { classOf } from "../../limits/LimitClasses.ts"
import { Limits } from "../../limits/Limits.ts"
import { TokenStore } from "../../store/TokenStore.ts"
import { CurrentCaller } from "./CurrentCaller.ts"
import { actingFor, organizerHeader } from "./Organizer.ts"

const refused = new Unauthenticated({
  detail: "Send a valid token in the header Authorization: Bearer; guichet token makes one."
})

/** Lower case: readers of OpenAPI documents take any other spelling for Basic. */
const bearer = HttpApiSecurity.http({ scheme: "bearer" })

/** Add it to a group last, so that nothing else runs for a stranger. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentCaller }>()(
  "guichet/api/rules/Authorization",
  { error: [Unauthenticated, Forbidden, InvalidRequest, TooManyRequests], security: { bearer } }
) {
  /** Looks tokens up in `TokenStore`, those of strangers within the limit of their address. */
  static readonly layer: Layer.Layer<Authorization, never, Limits | TokenStore> = Layer.effect(
    Authorization,
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const limits = yield* Limits

      const callerOf = Effect.fnUntraced(function* (token: Redacted.Redacted) {
        if (Redacted.value(token) === "") return Option.none()
        if (tokens.recalls(Redacted.value(token))) return yield* tokens.find(token)
        const forget = yield* limits.takeStranger(yield* HttpServerRequest.HttpServerRequest)
        const caller = yield* tokens.find(token)
        if (Option.isSome(caller)) forget()
        return caller
      })

      return Authorization.of({
        bearer: Effect.fnUntraced(function* (answer, { credential, endpoint }) {
          const caller = yield* callerOf(credential)
          if (Option.isNone(caller)) return yield* refused
          const { headers } = yield* HttpServerRequest.HttpServerRequest
          const acting = yield* actingFor(caller.value, headers[organizerHeader])
          yield* limits.take(acting, classOf(endpoint))
          return yield* Effect.provideService(answer, CurrentCaller, acting).pipe(
            Effect.annotateLogs({ caller: caller.value.tokenId })
          )
        })
      })
    })
  )
}
