/** How the generator's queues are called where they are stored. */
import type { Priority } from "../../../rpc/TicketJob.ts"

/** Stored names: a queue a priority, in a table of the database or under the keys of a prefix in Redis. */
export const queueNames: Readonly<Record<Priority, string>> = {
  high: "tickets-high",
  normal: "tickets-normal",
  low: "tickets-low"
}

/** The table of the generator's queues, when they are in the database. */
export const queueTable = "ticket_queue"
