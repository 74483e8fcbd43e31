/** The wiring: which layers make the core, each service, and all of them in one process. */
import { Layer } from "effect"
import { CoreEntitiesLayer, CoreRoutesLayer } from "./app/Core.ts"
import { FirstTokenLayer } from "./app/FirstToken.ts"
import { FoundationLayer } from "./app/Foundation.ts"
import { type Reach, serve } from "./app/Serve.ts"
import { NotificationsLayer, PaymentsLayer, ScansLayer, TicketsLayer } from "./app/Services.ts"
import { StoresLayer } from "./app/Stores.ts"
import { Drain } from "./http/Drain.ts"
import * as Observability from "./Observability.ts"

/** Everything a process needs below its routes. */
const ground = StoresLayer.pipe(Layer.provideMerge(FoundationLayer), Layer.provideMerge(Drain.layer))

const run = <A, E, R>(servers: Layer.Layer<A, E, R>) =>
  Drain.layerOnStop.pipe(
    Layer.provideMerge(servers),
    Layer.provideMerge(FirstTokenLayer),
    Layer.provideMerge(ground),
    Layer.provide(Observability.layer)
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

const everything = (reach: Reach) =>
  run(
    Layer.mergeAll(
      serve("core", CoreRoutesLayer, reach),
      serve("notifications", NotificationsLayer, reach),
      serve("payments", PaymentsLayer, reach),
      serve("tickets", TicketsLayer, reach),
      serve("scans", ScansLayer, reach)
    ).pipe(Layer.provideMerge(CoreEntitiesLayer))
  )

/** The core and its four services in one process. */
export const serveAll = everything({ port: true, loopback: true })

/** The same without a port: whoever holds the `Loopback` is its only client. */
export const inProcess = everything({ port: false, loopback: true })
