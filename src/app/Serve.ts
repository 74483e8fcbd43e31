/** A service's routes, built once, answered on a port and to the clients of this process. */
import { Cause, Config, Effect, Layer, type Scope } from "effect"
import {
  HttpEffect,
  HttpRouter,
  HttpServer,
  type HttpServerRequest,
  type HttpServerResponse
} from "effect/http"
import { Drain } from "../http/Drain.ts"
import { FastPathRegistry } from "../FastPath.ts"
import { type FallbackRoutes, routerConfig } from "../http/FallbackRoutes.ts"
import * as Health from "../http/Health.ts"
import * as MetricsRoute from "../telemetry/metrics/MetricsRoute.ts"
import * as ServerRules from "../http/ServerRules.ts"
import * as Platform from "../Platform.ts"
import { PortRefused } from "../PortRefused.ts"
import { Loopback } from "../trust/Loopback.ts"
import type { Ping } from "../database/Ping.ts"
import { logFault } from "../telemetry/Faults.ts"
import { ports, type ServiceTargetName } from "../trust/ServiceName.ts"

/** What every server answers beside its routes: whether it lives, whether it may be sent requests, what it counts. */
const houseRoutes = Layer.merge(Health.layer, MetricsRoute.layer)

/** The address that the servers listen on. */
export const host = Config.withDefault(Config.NonEmptyString("GUICHET_HOST"), "127.0.0.1")

type Server = ReturnType<typeof Platform.httpServer>
type Handled = Effect.Effect<HttpServerResponse.HttpServerResponse>
type Answer = Effect.Effect<
  HttpServerResponse.HttpServerResponse,
  never,
  HttpServerRequest.HttpServerRequest | Scope.Scope
>

/** Where a service is answered: on its port, to the clients of this process without a socket, or both. */
export interface AnsweredOn {
  readonly port: boolean
  readonly loopback: boolean
}

/** One set of handlers, queues and workers, whichever way a request comes in. */
export const serve = <A, E, R>(name: ServiceTargetName, routes: Layer.Layer<A, E, R>, answers: AnsweredOn) =>
  Layer.unwrap(Effect.gen(function* () {
    const address = { port: yield* ports[name], host: yield* host }
    return Layer.effectDiscard(Effect.gen(function* () {
      const answer = (yield* HttpRouter.toHttpEffect(ServerRules.wrap(Layer.merge(routes, houseRoutes))).pipe(
        Effect.provideService(HttpRouter.RouterConfig, routerConfig)
      )) as Answer
      const context = yield* Effect.context<never>()
      const contract = HttpEffect.toWebHandlerWith(context)(answer as Handled)
      if (answers.loopback) yield* (yield* Loopback).register(name, contract)
      if (!answers.port) return
      const registry = yield* FastPathRegistry
      const fastPath = name === "core" ? { registry, contract } : undefined
      const fork = Effect.runForkWith(context)
      const report = (fault: unknown) =>
        void fork(logFault("A listener of the server failed", Cause.die(fault)))
      const { isDraining: isLeaving } = yield* Drain
      const server = yield* Effect.mapError(
        Layer.build(Platform.httpServer({ ...address, fastPath, isLeaving, report })),
        PortRefused.of({
          ...address,
          hostVariable: "GUICHET_HOST",
          portVariable: `${name.toUpperCase()}_PORT`
        })
      )
      yield* Effect.provide(HttpServer.serveEffect(answer), server)
      yield* Effect.logInfo(`Serving ${name} on http://${address.host}:${address.port}`)
    })).pipe(Layer.provide(Platform.httpServices))
  })) as Layer.Layer<
    never,
    HttpRouter.Request.Without<E> | Config.ConfigError | PortRefused,
    | Exclude<HttpRouter.Request.Without<R>, FallbackRoutes | HttpRouter.HttpRouter | Layer.Success<Server>>
    | Drain
    | FastPathRegistry
    | Loopback
    | Ping
  >
