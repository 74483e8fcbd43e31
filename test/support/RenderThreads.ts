/** Tickets to be printed, and a press for them that has two threads of a program. */
import { ConfigProvider, Effect, FileSystem, Layer, Redacted } from "effect"
import { FileLinks } from "../../src/files/FileLinks.ts"
import { FileStore } from "../../src/files/FileStore.ts"
import { LogoDecoder } from "../../src/images/LogoDecoder.ts"
import { Fonts } from "../../src/print/pdf/Fonts.ts"
import * as Platform from "../../src/Platform.ts"
import { RenderPool } from "../../src/services/generator/RenderPool.ts"
import { TicketRenderer } from "../../src/services/generator/TicketRenderer.ts"
import { detailOf, ticketOf } from "../services/generator/GeneratorFixture.ts"

const secret = "a-secret-of-tests"

/** The program of the server's render threads. */
export const renderThread = new URL("../../src/services/generator/RenderThread.ts", import.meta.url)

/** So many tickets with what is printed on them. */
export const printables = (count: number) =>
  Array.from({ length: count }, (_, at) => ({ ticket: ticketOf(at + 1), detail: detailOf(at + 1) }))

/** A press with two threads of this program, and the store that they write to. */
export const pressOn = (entry: URL) =>
  Layer.unwrap(Effect.gen(function* () {
    const directory = yield* (yield* FileSystem.FileSystem).makeTempDirectoryScoped({
      prefix: "guichet-press-"
    })
    const threads = Platform.threads(entry, {
      GUICHET_DATA: directory,
      PUBLIC_URL: "https://guichet.example",
      fileLinkKey: secret,
      LOG_LEVEL: "error"
    })
    return RenderPool.layerThreads(threads).pipe(
      Layer.provide(TicketRenderer.layer),
      Layer.provide([Fonts.layer, LogoDecoder.layerHere]),
      Layer.provide(FileLinks.layer({ baseUrl: "https://guichet.example", secret: Redacted.make(secret) })),
      Layer.provideMerge(FileStore.layerLocal(`${directory}/files`)),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ TICKET_THREADS: "2" })))
    )
  })).pipe(Layer.provideMerge(Platform.services))
