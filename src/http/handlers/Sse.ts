/** A feed's event as a server-sent event: its number is the id that a client resumes after. */
import { DateTime, type Schema } from "effect"
import type { FeedEvent } from "../../../rpc/Feed.ts"

export const toSse = (event: FeedEvent): { id: string; event: string; data: Schema.Json } => ({
  id: String(event.seq),
  event: event.kind,
  data: { at: DateTime.formatIso(event.at), ...(event.data as Record<string, Schema.Json>) }
})
