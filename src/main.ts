/** The command `guichet`. */
import { Effect } from "effect"
import { Command } from "effect/cli"
import { guichet } from "./cli/Guichet.ts"
import * as Platform from "./Platform.ts"

Command.run(guichet, { version: "0.1.0" }).pipe(Effect.provide(Platform.services), Platform.runMain)
