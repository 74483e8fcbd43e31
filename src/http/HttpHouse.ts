/**
 * The rules every HTTP server of Guichet lives by: request ids, body limits, problems, nosniff, one log line
 * a fault.
 */
import { Effect, Layer, type Scope } from "effect"
import {
  HttpEffect,
  HttpIncomingMessage,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { type BodyLimits, bodyLimits, declaresMoreThan, limitOf, toByteSize } from "./BodyLimit.ts"
import { FallbackRoutes, routerConfig } from "./FallbackRoutes.ts"
import { answerOutage, reportFault } from "./FaultReport.ts"
import { finishAnswer } from "./ProblemAnswer.ts"
import { RequestId, requestIdOf } from "./RequestId.ts"

const tooLarge = HttpServerResponse.empty({ status: 413, headers: { connection: "close" } })

const install = (limits: BodyLimits) =>
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const routes = yield* FallbackRoutes
    yield* router.addGlobalMiddleware((answer) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const requestId = requestIdOf(request.headers)
        const limit = limitOf(limits, request)
        yield* HttpEffect.appendPreResponseHandler((request, response) =>
          Effect.succeed(finishAnswer(request, response, { requestId, limit, allowed: routes.allowed }))
        )
        if (declaresMoreThan(limit, request)) return tooLarge
        return yield* answer.pipe(
          Effect.provideService(HttpIncomingMessage.MaxBodySize, toByteSize(limit)),
          Effect.tapCause(reportFault),
          answerOutage,
          Effect.provideService(RequestId, requestId),
          Effect.annotateLogs({ requestId })
        )
      })
    )
  })

/**
 * Puts routes under the house rules; serve the result with `routerConfig` and without the framework's own
 * logger.
 */
export const wrap = <A, E, R>(
  routes: Layer.Layer<A, E, R>,
  limits: BodyLimits = bodyLimits
): Layer.Layer<A, E, Exclude<R, FallbackRoutes> | HttpRouter.HttpRouter> =>
  Layer.merge(routes, Layer.effectDiscard(install(limits))).pipe(
    Layer.provide(FallbackRoutes.layer())
  ) as Layer.Layer<A, E, Exclude<R, FallbackRoutes> | HttpRouter.HttpRouter>

/** Answers one web request; aborting the request interrupts the handler. */
export type WebHandler = (request: Request) => Promise<Response>

/** The routes as a function from request to answer, under the house rules, without a socket. */
export const toWebHandler = <A, E, R>(
  routes: Layer.Layer<A, E, R>,
  limits?: BodyLimits
): Effect.Effect<
  WebHandler,
  HttpRouter.Request.Without<E>,
  Exclude<HttpRouter.Request.Without<R>, FallbackRoutes | HttpRouter.HttpRouter> | Scope.Scope
> =>
  Effect.gen(function* () {
    const answer = yield* HttpRouter.toHttpEffect(wrap(routes, limits)).pipe(
      Effect.provideService(HttpRouter.RouterConfig, routerConfig)
    )
    const context = yield* Effect.context<HttpServerRequest.HttpServerRequest | Scope.Scope>()
    return HttpEffect.toWebHandlerWith(context)(
      answer as Effect.Effect<HttpServerResponse.HttpServerResponse, unknown>
    ) satisfies WebHandler
  }) as Effect.Effect<
    WebHandler,
    HttpRouter.Request.Without<E>,
    Exclude<HttpRouter.Request.Without<R>, FallbackRoutes | HttpRouter.HttpRouter> | Scope.Scope
  >
