/** `guichet demo`: the complete flow on a throw-away database, from one command. */
import { Effect } from "effect"
import { Command } from "effect/cli"

export const demo = Command.make("demo", {}, () => Effect.void)
