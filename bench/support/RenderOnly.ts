/** A thread that renders tickets and stores nothing: it says that it is ready, then answers each portion when done. */
import { parentPort } from "node:worker_threads"
import { ticketOf } from "./BenchTickets.ts"
import { ourPdf, ourQr } from "./OurTicket.ts"

/** Tickets of one event, from number `first` on. */
export interface Portion {
  readonly eventId: number
  readonly first: number
  readonly count: number
}

const render = async ({ count, eventId, first }: Portion): Promise<void> => {
  for (let number = first; number < first + count; number++) {
    const ticket = ticketOf(eventId, number)
    await ourPdf(ticket, ourQr(ticket).matrix)
  }
}

parentPort?.on("message", async (portion: Portion) => {
  await render(portion)
  parentPort?.postMessage("done")
})
parentPort?.postMessage("ready")
