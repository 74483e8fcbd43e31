/** The wiring: which layers make the core, each service, and all of them in one process. */
import { Effect, Layer } from "effect"
import { CoreEntitiesLayer, CoreRoutesLayer } from "./Core.ts"
import { FirstTokenLayer } from "./FirstToken.ts"
import { FoundationLayer } from "./Foundation.ts"
import { PrintThreadsLayer } from "./PrintThreads.ts"
import { ReadinessLayer } from "./Readiness.ts"
import { type AnsweredOn, serve } from "./Serve.ts"
import { NotificationsLayer, PaymentsLayer, ScansLayer, TicketsLayer } from "./Services.ts"
import { StoresLayer } from "./Stores.ts"
import * as Deadline from "../http/Deadline.ts"
import { Drain } from "../http/Drain.ts"
import * as LoopWatch from "../telemetry/LoopWatch.ts"
import * as Observability from "../telemetry/Observability.ts"
import { Loopback } from "../trust/Loopback.ts"

/** Everything a process needs below its routes. */
const belowRoutes = Layer.merge(StoresLayer, PrintThreadsLayer).pipe(
  Layer.provideMerge(Layer.provideMerge(ReadinessLayer, FoundationLayer)),
  Layer.provideMerge(Layer.merge(Drain.layer, Deadline.layer))
)

const run = <A, E, R>(servers: Layer.Layer<A, E, R>) =>
  Drain.layerOnStop.pipe(
    Layer.provideMerge(servers),
    Layer.provideMerge(FirstTokenLayer),
    Layer.provideMerge(belowRoutes),
    Layer.provide(Layer.provideMerge(LoopWatch.layer, Observability.layer))
  )

const alone = { port: true, loopback: false }

/** The core alone, or one service alone: the microservice deployment of the flows document. */
export const serveOne = {
  core: run(serve("core", CoreRoutesLayer, alone).pipe(Layer.provideMerge(CoreEntitiesLayer))),
  notifications: run(serve("notifications", NotificationsLayer, alone)),
  payments: run(serve("payments", PaymentsLayer, alone)),
  tickets: run(serve("tickets", TicketsLayer, alone)),
  scans: run(serve("scans", ScansLayer, alone))
}

/**
 * The order is that of who calls whom: the services outlive the entities, which outlive the core's routes. What
 * calls the core before it is up waits for it.
 */
const everything = (answers: AnsweredOn, core: AnsweredOn = answers) =>
  run(
    serve("core", CoreRoutesLayer, core).pipe(
      Layer.provideMerge(CoreEntitiesLayer),
      Layer.provideMerge(Layer.mergeAll(
        serve("notifications", NotificationsLayer, answers),
        serve("payments", PaymentsLayer, answers),
        serve("tickets", TicketsLayer, answers),
        serve("scans", ScansLayer, answers)
      )),
      Layer.provideMerge(
        Layer.effectDiscard(Effect.flatMap(Loopback, (loopback) => loopback.expect(["core"])))
      )
    )
  )

/** The core and its four services in one process. */
export const serveAll = everything({ port: true, loopback: true })

/** The same without a port: whoever holds the `Loopback` is its only client. */
export const inProcess = everything({ port: false, loopback: true })

/** The same with the core's port alone, for whoever shows it. */
export const withCorePort = everything({ port: false, loopback: true }, { port: true, loopback: true })
