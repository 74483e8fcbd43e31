/** Bearer tokens on every client route: no token, no answer. */
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiMiddleware, HttpApiSecurity } from "effect/http-api"
import { TokenStore } from "../../store/TokenStore.ts"
import { CurrentCaller } from "./CurrentCaller.ts"
import { actingFor, organizerHeader } from "./Organizer.ts"
import { Forbidden, InvalidRequest, Unauthenticated } from "../../http/Problems.ts"

const refused = new Unauthenticated({
  detail: "Send a valid token in the header Authorization: Bearer; guichet token makes one."
})

/** Lower case: readers of OpenAPI documents take any other spelling for Basic. */
const bearer = HttpApiSecurity.http({ scheme: "bearer" })

/** Add it to a group last, so that nothing else runs for a stranger. */
export class Authorization extends HttpApiMiddleware.Service<Authorization, { provides: CurrentCaller }>()(
  "guichet/api/rules/Authorization",
  { error: [Unauthenticated, Forbidden, InvalidRequest], security: { bearer } }
) {
  /** Looks tokens up in `TokenStore`. */
  static readonly layer: Layer.Layer<Authorization, never, TokenStore> = Layer.effect(
    Authorization,
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      return Authorization.of({
        bearer: Effect.fnUntraced(function* (answer, { credential }) {
          const caller = Redacted.value(credential) === "" ? Option.none() : yield* tokens.find(credential)
          if (Option.isNone(caller)) return yield* refused
          const { headers } = yield* HttpServerRequest.HttpServerRequest
          const acting = yield* actingFor(caller.value, headers[organizerHeader])
          return yield* Effect.provideService(answer, CurrentCaller, acting).pipe(
            Effect.annotateLogs({ caller: caller.value.tokenId })
          )
        })
      })
    })
  )
}
