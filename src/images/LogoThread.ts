/** The program of a logo thread: it decodes what `LogoDecoder` sends, and gives way to the server. */
import { ConfigProvider, Effect, Layer, Option } from "effect"
import { RpcServer } from "effect/rpc"
import * as Platform from "../Platform.ts"
import { decodeLogo } from "../print/pdf/Logo.ts"
import * as Observability from "../telemetry/Observability.ts"
import { LogoRpc } from "./LogoDecoder.ts"

const handlersLayer = LogoRpc.toLayer(LogoRpc.of({
  DecodeLogo: ({ file }) => Effect.map(decodeLogo(file), Option.getOrNull)
}))

const threadLayer = RpcServer.layer(LogoRpc).pipe(
  Layer.provide(handlersLayer),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide([Platform.threadRunner, Observability.layerThread])
)

const program = Effect.gen(function* () {
  const settings = yield* Platform.threadSettings
  yield* Platform.giveWay
  yield* Effect.provide(Layer.launch(threadLayer), ConfigProvider.layer(ConfigProvider.fromUnknown(settings)))
})

Platform.runThread(program)
