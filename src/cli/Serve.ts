/** `guichet serve`: everything in one process, or one part of it. */
import { Effect, Layer } from "effect"
import { Argument, Command } from "effect/cli"
import { serveAll, serveOne } from "../app/App.ts"
import { settings } from "../app/Settings.ts"
import { reportFailure } from "./Sentence.ts"

const parts = ["all", "core", "notifications", "payments", "tickets", "scans"] as const

/** What reads every setting looks at all of them before it opens or makes anything. */
const settingsFirst = Effect.forEach(settings, (setting) => setting, { discard: true })

const launch = {
  all: Effect.andThen(settingsFirst, Layer.launch(serveAll)),
  core: Layer.launch(serveOne.core),
  notifications: Layer.launch(serveOne.notifications),
  payments: Layer.launch(serveOne.payments),
  tickets: Layer.launch(serveOne.tickets),
  scans: Layer.launch(serveOne.scans)
}

export const serve = Command.make(
  "serve",
  {
    part: Argument.Literals("part", parts).pipe(
      Argument.withDescription(
        `${parts.join(", ")}: which part to serve; all of them in one process by default`
      ),
      Argument.withDefault("all")
    )
  },
  ({ part }) => reportFailure(launch[part])
).pipe(Command.withDescription("Serve the core (port 3001) and its four services (3002 to 3005)"))
