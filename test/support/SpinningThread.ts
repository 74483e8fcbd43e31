/** A logo thread that never answers: it is caught in a loop from the first file on. */
import { Effect, Layer } from "effect"
import { RpcServer } from "effect/rpc"
import { LogoRpc } from "../../src/images/LogoDecoder.ts"
import * as Platform from "../../src/Platform.ts"

const handlersLayer = LogoRpc.toLayer(LogoRpc.of({
  DecodeLogo: () =>
    Effect.sync(() => {
      for (;;) { /* For ever. */ }
    })
}))

Platform.runThread(Layer.launch(
  RpcServer.layer(LogoRpc).pipe(
    Layer.provide(handlersLayer),
    Layer.provide(RpcServer.layerProtocolWorkerRunner),
    Layer.provide(Platform.threadRunner)
  )
))
