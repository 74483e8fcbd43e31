/** The program of a render thread: it draws and stores what `RenderPool` sends, and gives way to the server. */
import { Config, ConfigProvider, Effect, Layer } from "effect"
import { RpcServer } from "effect/rpc"
import * as Database from "../../database/Database.ts"
import { FileLinks } from "../../files/FileLinks.ts"
import { FileStore } from "../../files/FileStore.ts"
import * as Observability from "../../telemetry/Observability.ts"
import { LogoDecoder } from "../../images/LogoDecoder.ts"
import { Fonts } from "../../print/pdf/Fonts.ts"
import * as Platform from "../../Platform.ts"
import { RenderRpc, TicketRenderer } from "./TicketRenderer.ts"

const handlersLayer = RenderRpc.toLayer(
  Effect.map(TicketRenderer, (renderer) =>
    RenderRpc.of({
      Render: ({ options, tickets }) => renderer.render(tickets, options)
    }))
)

const linksLayer = Layer.unwrap(Effect.gen(function* () {
  return FileLinks.layer({
    baseUrl: yield* Config.String("PUBLIC_URL"),
    secret: yield* Config.Redacted("fileLinkKey")
  })
}))

const filesLayer = Layer.unwrap(Effect.map(
  Database.dataDirectory,
  (directory) => FileStore.layerConfig(`${directory}/files`, { ownThread: true })
)).pipe(Layer.provide(Platform.httpClient))

const threadLayer = RpcServer.layer(RenderRpc).pipe(
  Layer.provide(handlersLayer),
  Layer.provide(TicketRenderer.layer),
  Layer.provide([linksLayer, filesLayer, Fonts.layer, LogoDecoder.layerHere]),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide([Platform.threadRunner, Platform.services, Observability.layerThread])
)

const program = Effect.gen(function* () {
  const settings = yield* Platform.threadSettings
  yield* Platform.giveWay
  yield* Effect.provide(
    Layer.launch(threadLayer),
    ConfigProvider.layer(ConfigProvider.fromUnknown(settings))
  )
})

Platform.runThread(program)
