/** Where logos are decoded and documents drawn: on threads of their own, or here when `TICKET_THREADS` is 0. */
import { Config, Effect, Layer, Option } from "effect"
import { threadCount } from "../durable/ThreadPool.ts"
import { DocumentPrinter } from "../images/DocumentPrinter.ts"
import { LogoDecoder } from "../images/LogoDecoder.ts"
import * as Platform from "../Platform.ts"
import { observabilityVariables } from "../telemetry/Observability.ts"
import { documentPlaces } from "../tickets/OrderPrinter.ts"

/** Those of these variables that are set, for a thread. */
export const givenOf = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  const settings: Record<string, string> = {}
  for (const name of names) {
    const value = yield* Config.option(Config.NonEmptyString(name))
    if (Option.isSome(value)) settings[name] = value.value
  }
  return settings
})

/** Threads start with the first logo or document, and end when they are idle. */
export const PrintThreadsLayer = Layer.unwrap(Effect.gen(function* () {
  const here = Layer.merge(LogoDecoder.layerHere, DocumentPrinter.layerHere)
  if ((yield* threadCount) === 0) return here
  const settings = yield* givenOf(observabilityVariables)
  const running = (program: URL) => Platform.threads(program, settings)
  const threads: typeof here = Layer.merge(
    LogoDecoder.layerThreads(running(new URL("../images/LogoThread.ts", import.meta.url))),
    DocumentPrinter.layerThreads(
      running(new URL("../images/DocumentThread.ts", import.meta.url)),
      documentPlaces.places
    )
  )
  return threads
}))
