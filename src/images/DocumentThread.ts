/** The program of a document thread: it draws what `DocumentPrinter` sends, and gives way to the server. */
import { ConfigProvider, Effect, Layer } from "effect"
import { RpcServer } from "effect/rpc"
import * as Platform from "../Platform.ts"
import { Fonts } from "../print/pdf/Fonts.ts"
import * as Observability from "../telemetry/Observability.ts"
import { DocumentPrinter, DocumentRpc } from "./DocumentPrinter.ts"

const handlersLayer = DocumentRpc.toLayer(
  Effect.map(DocumentPrinter, (printer) =>
    DocumentRpc.of({
      PrintDocument: ({ tickets }) =>
        printer.print(tickets).pipe(Effect.catchTag("ThreadBroken", (e) => Effect.die(e)))
    }))
)

const threadLayer = RpcServer.layer(DocumentRpc).pipe(
  Layer.provide(handlersLayer),
  Layer.provide(DocumentPrinter.layerHere),
  Layer.provide(Fonts.layer),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide([Platform.threadRunner, Platform.services, Observability.layerThread])
)

const program = Effect.gen(function* () {
  const settings = yield* Platform.threadSettings
  yield* Platform.giveWay
  yield* Effect.provide(Layer.launch(threadLayer), ConfigProvider.layer(ConfigProvider.fromUnknown(settings)))
})

Platform.runThread(program)
