/** Many scans in one request, for the controllers of turnstiles: a line each, answered in their order as they are decided. */
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { Schema } from "effect"
import { Authorization } from "../rules/Authorization.ts"
import { TooManyRequests, UnsupportedMediaType } from "../../http/Problems.ts"
import { ProblemMiddleware } from "../../http/ProblemMiddleware.ts"

/** One stream: the bytes of its body, those of a line, and the scans of it that are decided at once. */
export const streamBounds = { bytes: 8 * 1024 * 1024, line: 32 * 1024, inFlight: 128 }

const lines = "application/x-ndjson"

const description = `
Each line of the body is the body of \`POST /api/scans/validate\`; each line of the answer is its answer, with the number of
the \`line\`, in the same order, as soon as it is decided. A line without \`scan_id\` gets one of the request's id and its
number. A line that cannot be read or decided is answered in its place by a problem with its \`status\`, and stops no other:
503 may be sent again under the same \`scan_id\`. Empty lines are answered by nothing.

A stream may have ${streamBounds.bytes / 1024 / 1024} MiB in all and ${
  streamBounds.line / 1024
} KiB a line, and ends within a minute: then begin the next one.
Scans count as they would one by one; a stream that is faster than the token's limit is slowed down to it.`

export class ScanStreamGroup extends HttpApiGroup.make("scanStream").add(
  HttpApiEndpoint.post("stream", "/scans/stream", {
    headers: { "accept-language": Schema.optionalKey(Schema.String) },
    payload: HttpApiSchema.StreamUint8Array({ contentType: lines, maxBytes: streamBounds.bytes }),
    success: HttpApiSchema.StreamUint8Array({ contentType: lines }),
    error: [TooManyRequests, UnsupportedMediaType]
  }).annotateMerge(
    OpenApi.annotations({
      summary: "Decide scans as they come, line by line",
      description: description.trim()
    })
  )
)
  .middleware(ProblemMiddleware)
  .middleware(Authorization)
  .annotateMerge(OpenApi.annotations({
    title: "Turnstiles",
    description: "Many scans in one request, on the decision that every other scan takes."
  })) {}
