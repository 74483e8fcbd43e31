/** Documents of many tickets are drawn on threads: one of five hundred pages takes seconds. */
import { Context, Effect, Layer } from "effect"
import { Rpc, RpcClient, RpcGroup } from "effect/rpc"
import type { Spawner, WorkerPlatform } from "effect/workers/Worker"
import * as ThreadPool from "../durable/ThreadPool.ts"
import { Fonts } from "../print/pdf/Fonts.ts"
import { unprintableReason } from "../print/text/Unprintable.ts"
import { type TicketInput, TicketPdf, TicketUnprintable } from "../print/tickets/TicketPdf.ts"

/** Tickets in the order of their pages, and the bytes of the document. */
export const PrintDocument = Rpc.make("PrintDocument", {
  payload: { tickets: ThreadPool.cloned<ReadonlyArray<TicketInput>>() },
  success: ThreadPool.cloned<Uint8Array>(),
  error: TicketUnprintable
})

/** What a document thread is asked. */
export class DocumentRpc extends RpcGroup.make(PrintDocument) {}

/** Draws one document of one ticket or more, a page each. */
export class DocumentPrinter extends Context.Service<DocumentPrinter, {
  readonly print: (
    tickets: ReadonlyArray<TicketInput>
  ) => Effect.Effect<Uint8Array, TicketUnprintable | ThreadPool.ThreadBroken>
}>()("guichet/images/DocumentPrinter") {
  /** In this thread, where others have their turn after each page. */
  static readonly layerHere: Layer.Layer<DocumentPrinter, never, Fonts> = Layer.effect(
    DocumentPrinter,
    Effect.map(Fonts, (fonts) =>
      DocumentPrinter.of({
        print: Effect.fn("DocumentPrinter.print")(
          function* (tickets: ReadonlyArray<TicketInput>) {
            const { bytes, missingGlyphs } = yield* TicketPdf.renderMany(fonts, tickets)
            const missing = unprintableReason(missingGlyphs)
            if (missing !== null) yield* Effect.logWarning("A document is printed with boxes", { missing })
            return bytes
          },
          Effect.catchTag("PdfError", Effect.die)
        )
      }))
  )

  /** On threads of the program `DocumentThread`, one document each. One that takes too long is ended. */
  static readonly layerThreads = (
    spawning: Layer.Layer<Spawner | WorkerPlatform>,
    size: number
  ): Layer.Layer<DocumentPrinter> =>
    Layer.effect(
      DocumentPrinter,
      Effect.map(
        ThreadPool.make({
          client: RpcClient.make(DocumentRpc),
          spawning,
          size,
          ahead: 1,
          longest: "60 seconds"
        }),
        (ask) =>
          DocumentPrinter.of({
            print: Effect.fn("DocumentPrinter.print")((tickets: ReadonlyArray<TicketInput>) =>
              ask((thread) => thread.PrintDocument({ tickets }))
            )
          })
      )
    )
}
