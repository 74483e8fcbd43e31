/** The command line: serve, migrate, token, flows, messages, payments, erase, doctor, demo. */
import { Command } from "effect/cli"
import { demo } from "./Demo.ts"
import { doctor } from "./Doctor.ts"
import { erase } from "./Erase.ts"
import { flows } from "./Flows.ts"
import { messages } from "./Messages.ts"
import { migrate } from "./Migrate.ts"
import { payments } from "./Payments.ts"
import { serve } from "./Serve.ts"
import { token } from "./Token.ts"

export const guichet = Command.make("guichet").pipe(
  Command.withDescription("The orchestration core of an event-ticketing platform"),
  Command.withSubcommands([serve, migrate, token, flows, messages, payments, erase, doctor, demo])
)
