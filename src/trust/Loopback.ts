/**
 * The services that live in this process: their clients reach them without a socket, and through the same
 * code.
 */
import { Context, Effect, Layer } from "effect"
import {
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse,
  type HttpRouter
} from "effect/http"
import { toWebHandler, type WebHandler } from "../http/ServerRules.ts"
import type { FallbackRoutes } from "../http/FallbackRoutes.ts"
import * as OwnRequests from "./OwnRequests.ts"
import type { ServiceTargetName } from "./ServiceName.ts"

/** Handlers by service; one that is neither registered nor expected is called over the network. */
export class Loopback extends Context.Service<Loopback, {
  readonly register: (name: ServiceTargetName, handler: WebHandler) => Effect.Effect<void>
  /** Until they register, requests to these services wait: durable work goes on before its servers are up. */
  readonly expect: (names: ReadonlyArray<ServiceTargetName>) => Effect.Effect<void>
  readonly find: (name: ServiceTargetName) => WebHandler | undefined
}>()("guichet/trust/Loopback") {
  /** Empty until something registers. */
  static readonly layer: Layer.Layer<Loopback> = Layer.sync(Loopback, () => {
    const handlers = new Map<ServiceTargetName, WebHandler>()
    const awaited = new Map<ServiceTargetName, (handler: WebHandler) => void>()
    return Loopback.of({
      register: (name, handler) =>
        Effect.sync(() => {
          handlers.set(name, handler)
          awaited.get(name)?.(handler)
        }),
      expect: (names) =>
        Effect.sync(() => {
          for (const name of names.filter((name) => !handlers.has(name))) {
            const { promise, resolve } = Promise.withResolvers<WebHandler>()
            awaited.set(name, resolve)
            handlers.set(name, async (request) => (await promise)(request))
          }
        }),
      find: (name) => handlers.get(name)
    })
  })

  /** Serves routes to the clients of this process under a service's name. */
  static readonly serve = <A, E, R>(name: ServiceTargetName, routes: Layer.Layer<A, E, R>): Layer.Layer<
    never,
    HttpRouter.Request.Without<E>,
    Exclude<HttpRouter.Request.Without<R>, FallbackRoutes | HttpRouter.HttpRouter> | Loopback
  > =>
    Layer.effectDiscard(Effect.gen(function* () {
      const loopback = yield* Loopback
      yield* loopback.register(name, yield* toWebHandler(routes))
    })) as Layer.Layer<
      never,
      HttpRouter.Request.Without<E>,
      Exclude<HttpRouter.Request.Without<R>, FallbackRoutes | HttpRouter.HttpRouter> | Loopback
    >
}

const transportError = (request: HttpClientRequest.HttpClientRequest, cause: unknown) =>
  new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request, cause }) })

/** A client whose network is one handler; interrupting the caller aborts the request. */
export const overHandler = (handler: WebHandler): HttpClient.HttpClient =>
  HttpClient.make((request, _url, signal) =>
    Effect.gen(function* () {
      const sent = yield* Effect.mapError(
        HttpClientRequest.toWeb(request, { signal }),
        (cause) =>
          new HttpClientError.HttpClientError({
            reason: new HttpClientError.InvalidUrlError({ request, cause })
          })
      )
      const response = yield* Effect.tryPromise({
        try: () => handler(OwnRequests.mark(sent)),
        catch: (cause) => transportError(request, cause)
      })
      return HttpClientResponse.fromWeb(request, response)
    })
  )
