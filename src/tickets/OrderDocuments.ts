/**
 * Documents of many tickets, drawn in the background: whoever asks is told where the document will be, and gets it there.
 *
 * A document is named by all that is printed on it, so that asking again is asking for the same one, and a changed name
 * or date is another. States of a name: nothing, drawing (in this process, `places` at most), stored, failed (told once).
 * A process that dies while it draws leaves nothing: the next request begins again. A stored document is swept an hour
 * after it was asked for (`LogoSweep`), because it holds names; it is reserved there before it is stored.
 */
import { createHash } from "node:crypto"
import { Context, Effect, Exit, Layer, type Scope } from "effect"
import { TooManyWait } from "../durable/FairPlaces.ts"
import type { ThreadBroken } from "../durable/ThreadPool.ts"
import { FileStore, type FileStoreError } from "../files/FileStore.ts"
import type { TicketUnprintable } from "../print/tickets/TicketPdf.ts"
import type { TicketFormat } from "../print/tickets/TicketTemplates.ts"
import { SpareLogos } from "../store/tickets/SpareLogos.ts"
import { documentPlaces, OrderPrinter } from "./OrderPrinter.ts"

/** So many tickets are drawn while their reader waits: some seconds of a busy machine. */
export const fewPages = 100

/** Documents of this process that are drawn or wait for it. */
const places = 20

type Failure = FileStoreError | TicketUnprintable | TooManyWait | ThreadBroken

/** `drawing`: the file will be stored under the key. `empty`: no ticket of it lives. */
export type Document =
  | { readonly _tag: "drawn"; readonly bytes: Uint8Array }
  | { readonly _tag: "drawing"; readonly key: string }
  | { readonly _tag: "empty" }

/** Draws at once what is small, and in the background what is not. */
export class OrderDocuments extends Context.Service<OrderDocuments, {
  readonly get: (ticketIds: ReadonlyArray<number>, format: TicketFormat) => Effect.Effect<Document, Failure>
}>()("guichet/tickets/OrderDocuments") {
  static readonly layer: Layer.Layer<OrderDocuments, never, FileStore | OrderPrinter | SpareLogos> = Layer
    .effect(
      OrderDocuments,
      Effect.gen(function* () {
        const files = yield* FileStore
        const printer = yield* OrderPrinter
        const spare = yield* SpareLogos
        const scope: Scope.Scope = yield* Effect.scope
        /** Whose document is being drawn, by its key. */
        const drawing = new Map<string, string>()
        const failed = new Map<string, Failure>()

        const drawn = (bytes: Uint8Array | null): Document =>
          bytes === null ? { _tag: "empty" } : { _tag: "drawn", bytes }

        const store = Effect.fnUntraced(
          function* (key: string, ticketIds: ReadonlyArray<number>, format: TicketFormat) {
            const bytes = yield* printer.print(ticketIds, format)
            if (bytes === null) return
            yield* spare.renew(key)
            yield* files.put(key, bytes, "application/pdf")
          }
        )

        const begin = Effect.fnUntraced(
          function* (key: string, owner: string, ticketIds: ReadonlyArray<number>, format: TicketFormat) {
            const theirs = [...drawing.values()].filter((other) => other === owner).length
            if (theirs >= documentPlaces.asked || drawing.size >= places) return yield* new TooManyWait()
            drawing.set(key, owner)
            yield* store(key, ticketIds, format).pipe(
              Effect.tapCause((cause) =>
                Effect.logError("A document could not be drawn in the background", cause)
              ),
              Effect.onExit((exit) =>
                Effect.sync(() => {
                  drawing.delete(key)
                  if (failed.size >= places) failed.clear()
                  if (Exit.isFailure(exit)) {
                    const reason = exit.cause.reasons.find((reason) => reason._tag === "Fail")
                    if (reason !== undefined) failed.set(key, reason.error)
                  }
                })
              ),
              Effect.ignoreCause,
              Effect.forkIn(scope)
            )
          }
        )

        /** What failed is told once: whoever asks again after that has it drawn again. */
        const toldOnce = Effect.fnUntraced(function* (key: string) {
          const failure = failed.get(key)
          failed.delete(key)
          if (failure !== undefined) return yield* Effect.fail(failure)
        })

        const get = Effect.fn("OrderDocuments.get")(
          function* (
            ticketIds: ReadonlyArray<number>,
            format: TicketFormat
          ): Effect.fn.Return<Document, Failure> {
            if (ticketIds.length <= fewPages) return drawn(yield* printer.print(ticketIds, format))
            const content = yield* printer.contentOf(ticketIds, format)
            if (content === null) return { _tag: "empty" }
            const digest = createHash("sha256").update(content.text).digest("hex")
            const key = `documents/${digest}.pdf`
            if (!drawing.has(key)) {
              yield* toldOnce(key)
              if (yield* files.exists(key)) return drawn((yield* files.get(key)).bytes)
              yield* begin(key, content.owner, ticketIds, format)
            }
            return { _tag: "drawing", key }
          }
        )

        return OrderDocuments.of({ get })
      })
    )
}
