/** Answers for flow 3, and what the ticket generator asks the core for. */
import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { TicketStore } from "../../store/TicketStore.ts"
import { Api } from "../Api.ts"
import { missing } from "../Visible.ts"

export const ScansHttpLayer = HttpApiBuilder.group(
  Api,
  "scans",
  Effect.fn(function*(handlers) {
    return handlers.handleAll({ validate: () => Effect.fail(missing("event")) })
  })
)

export const InternalHttpLayer = HttpApiBuilder.group(
  Api,
  "internal",
  Effect.fn(function*(handlers) {
    const tickets = yield* TicketStore
    return handlers.handleAll({
      scanValidation: () => Effect.die("x"),
      printDetails: ({ payload }) =>
        Effect.map(tickets.printDetails(payload.ticket_ids), (rows) => ({ tickets: rows }))
    })
  })
)
