/**
 * The rules every HTTP server of Guichet lives by: request ids, bounds on the body, a deadline, problems, nosniff,
 * one log line a fault.
 */
import { Context, Effect, Layer, type Scope, Tracer } from "effect"
import {
  HttpEffect,
  HttpIncomingMessage,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { type BodyFault, boundedRequest, isEncoded } from "../bounds/BoundedRequest.ts"
import * as HttpMetrics from "../telemetry/metrics/HttpMetrics.ts"
import { type BodyLimits, bodyLimits, declaresMoreThan, limitOf, toByteSize } from "../bounds/BodyLimits.ts"
import { deadlineOf, RequestDeadline, type WhileReading, within } from "./Deadline.ts"
import { FallbackRoutes, routerConfig } from "./FallbackRoutes.ts"
import { answerOutage, reportFault } from "./FaultReport.ts"
import { finishAnswer } from "./ProblemAnswer.ts"
import { InvalidRequest, MalformedRequest } from "./Problems.ts"
import { RequestId, requestIdOf } from "./RequestId.ts"

const tooLarge = HttpServerResponse.empty({ status: 413, headers: { connection: "close" } })

/** RFC 9110 §12.5.3: what is accepted instead is said. */
const encoded = HttpServerResponse.jsonUnsafe(
  { detail: "Send the body as it is, without Content-Encoding: compressed bodies are not read." },
  { status: 415, headers: { "accept-encoding": "identity" } }
)

/** The answer to a body that is not read. */
const refuse = (fault: BodyFault): InvalidRequest | MalformedRequest =>
  fault === "not UTF-8"
    ? new MalformedRequest({ detail: "The body is not UTF-8: encode it so and send it again." })
    : InvalidRequest.at(fault.pointer, fault.detail)

/** The template of the route that this fiber has gone into; empty where there is none. The request's span is named by it. */
const routeOfFiber = (method: string) =>
  Effect.withFiber<string>((fiber) => {
    const context = fiber.context as Context.Context<HttpRouter.RouteContext>
    const route = Context.getOrUndefined(context, HttpRouter.RouteContext)?.route.path ?? ""
    const span = Context.getOrUndefined(
      fiber.context as Context.Context<Tracer.ParentSpan>,
      Tracer.ParentSpan
    )
    if (route !== "" && span?._tag === "Span" && span.kind === "server") {
      Object.assign(span, { name: `${method} ${route}` })
    }
    return Effect.succeed(route)
  })

const install = (limits: BodyLimits) =>
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const routes = yield* FallbackRoutes
    const usual = yield* RequestDeadline
    yield* router.addGlobalMiddleware((answer) =>
      Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const began = performance.now()
        let route = ""
        const requestId = requestIdOf(request.headers)
        const limit = limitOf(limits, request)
        yield* HttpEffect.appendPreResponseHandler((request, response) =>
          Effect.sync(() => {
            const finished = finishAnswer(request, response, { requestId, limit, allowed: routes.allowed })
            HttpMetrics.requestAnswered(request.method, route, finished.status, performance.now() - began)
            return finished
          })
        )
        if (declaresMoreThan(limit, request)) return tooLarge
        if (isEncoded(request)) return encoded
        const answered = (whileReading: WhileReading) =>
          Effect.onExit(answer, () => Effect.map(routeOfFiber(request.method), (path) => void (route = path)))
            .pipe(
              Effect.provideService(
                HttpServerRequest.HttpServerRequest,
                boundedRequest(request, refuse, whileReading)
              ),
              Effect.provideService(HttpIncomingMessage.MaxBodySize, toByteSize(limit)),
              Effect.tapCause(reportFault),
              answerOutage
            )
        return yield* within(request, deadlineOf(request, usual), answered).pipe(
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
