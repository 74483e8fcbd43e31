/** Shapes that several groups answer with: the Location of a new resource, a feed as server-sent events. */
import { Schema } from "effect"
import { HttpApiSchema } from "effect/http-api"

/** Where the accepted work can be followed. */
export const Location = { location: Schema.String }

/** `Link: <…>; rel="next"`, except on the last page. */
export const Link = { link: Schema.optionalKey(Schema.String) }

/** One server-sent event: its number as id, its kind as event, its data as JSON. */
export const FeedSse = Schema.Struct({
  id: Schema.String,
  event: Schema.String,
  data: Schema.fromJsonString(Schema.Json)
})

export const FeedStream = HttpApiSchema.StreamSse({ events: FeedSse })

/** The number of the last event a client has seen; without it the feed starts at its beginning. */
export const lastEventId = {
  "last-event-id": Schema.optionalKey(Schema.String.check(Schema.isPattern(/^\d{1,9}$/)))
}

/** A document is being drawn: asked for again at the same address, or opened by its link, it is there when it is done. */
export const DocumentDrawing = HttpApiSchema.WithHeaders(
  Schema.Struct({
    status: Schema.Literal("drawing"),
    tickets: Schema.Int,
    file_url: Schema.String
  }).pipe(HttpApiSchema.status(202)),
  { "retry-after": Schema.String }
)

/** A PDF in one piece. */
export const Pdf = Schema.Uint8Array.pipe(HttpApiSchema.asUint8Array({ contentType: "application/pdf" }))
