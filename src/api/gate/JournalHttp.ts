/** Answers for the journal of an event's scans. */
import { Effect, Schema } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { ScanJournalStore } from "../../store/gate/ScanJournalStore.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { Cursor, JournalGroup } from "./JournalApi.ts"
import { noStore } from "../../http/NoStore.ts"
import { InvalidRequest } from "../../http/Problems.ts"
import { ownEvent } from "../rules/OwnEvent.ts"

/** Scans on a page, unless `limit` says otherwise. */
const pageSize = 100

const encodeCursor = Schema.encodeSync(Cursor)

const otherOrder = new InvalidRequest({
  detail: "One value is wrong: correct it as errors says and send the request again.",
  errors: [{
    in: "query",
    parameter: "order",
    detail: "The cursor belongs to the other order: leave order out, or begin without a cursor."
  }]
})

/** The address of the next page: this one's, with another cursor. */
const nextOf = (
  path: string,
  filters: Readonly<Record<string, string | number | undefined>>,
  cursor: string
) => {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(filters)) {
    if (value !== undefined) search.set(name, String(value))
  }
  search.set("cursor", cursor)
  return `${path}?${search}`
}

export const JournalHttpLayer = HttpApiBuilder.group(
  apiOf(JournalGroup),
  "journal",
  Effect.fn(function* (handlers) {
    const own = yield* ownEvent
    const journal = yield* ScanJournalStore
    return handlers.handleAll({
      scans: ({ params: { event_id: number }, query }) =>
        noStore(Effect.gen(function* () {
          const { event_id: eventId } = yield* own(number)
          const { cursor, device_id: deviceId, gate, result, signal, ticket_id: ticketId, ...rest } = query
          if (cursor !== undefined && (rest.order ?? cursor.order) !== cursor.order) return yield* otherOrder
          const order = cursor?.order ?? rest.order ?? "desc"
          const limit = rest.limit ?? pageSize
          const filters = { result, gate, deviceId, ticketId, signal }
          const { lines, more } = yield* journal.page({
            eventId,
            order,
            after: cursor?.seq,
            limit,
            ...filters
          })
          const next = more ? encodeCursor({ order, seq: lines.at(-1)!.seq }) : null
          const { cursor: _, ...asked } = query
          const path = `/api/events/${number}/scans`
          return HttpApiSchema.withHeaders({
            body: { event_id: number, scans: lines, next_cursor: next },
            headers: next === null ? {} : { link: `<${nextOf(path, asked, next)}>; rel="next"` }
          })
        }))
    })
  })
)
