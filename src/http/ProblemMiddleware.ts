/** Turns what the request schemas refuse into 400 and 422 problems that point at every wrong field. */
import { Effect, Layer, Option, Result, Schema, SchemaIssue } from "effect"
import { HttpServerRequest } from "effect/http"
import { HttpApiError, HttpApiMiddleware } from "effect/http-api"
import { type FieldError, InvalidRequest, MalformedRequest } from "./Problems.ts"

/** Parse options for `HttpApi.ParseOptions`: without them only the first wrong field is reported. */
export const parseOptions = { errors: "all" } as const

/** More entries than this are counted, not listed. */
const listed = 1_000

const places = { Params: "path", Query: "query", Headers: "header" } as const

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const segment = (key: PropertyKey | { readonly key: PropertyKey }): string => {
  const name = String(typeof key === "object" ? key.key : key)
  return name.replaceAll("~", "~0").replaceAll("/", "~1")
}

const sentence = (message: string): string =>
  message === "Missing key" ? "This field is required." : message.endsWith(".") ? message : `${message}.`

/** The wrong fields of a refused request, each once, in the order of the schema. */
export const fieldErrors = (error: HttpApiError.HttpApiSchemaError): ReadonlyArray<FieldError> => {
  const place = error.kind === "Params" || error.kind === "Query" || error.kind === "Headers"
    ? places[error.kind]
    : undefined
  const found = new Map<string, FieldError>()
  for (const issue of format(error.cause.issue).issues) {
    const path = (issue.path ?? []).map(segment)
    const detail = sentence(issue.message)
    const entry: FieldError = place === undefined
      ? { pointer: path.map((name) => `/${name}`).join(""), detail }
      : { in: place, parameter: path.join("."), detail }
    found.set(`${path.join("/")} ${detail}`, entry)
  }
  return Array.from(found.values())
}

const isJson = (text: string): boolean =>
  Result.isSuccess(Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))(text))

const malformed = (text: string): MalformedRequest =>
  new MalformedRequest({
    detail: text.trim() === ""
      ? "The body is empty: send a JSON document."
      : "The body is not valid JSON: correct its syntax and send it again."
  })

const refuse = Effect.fnUntraced(function* (error: HttpApiError.HttpApiSchemaError) {
  if (error.kind === "Body" || error.kind === "ResponseHeaders") return yield* Effect.die(error)
  if (error.kind === "Payload") {
    const request = yield* HttpServerRequest.HttpServerRequest
    const text = yield* Effect.option(request.text)
    if (Option.isSome(text) && !isJson(text.value)) return yield* malformed(text.value)
  }
  const errors = fieldErrors(error)
  return yield* new InvalidRequest({
    detail: errors.length === 1
      ? "One value is wrong: correct it as errors says and send the request again."
      : `${errors.length} values are wrong: correct them as errors says and send the request again.`,
    errors: errors.slice(0, listed)
  })
})

/** Add it to every group first, so that it stands closest to the handlers. */
export class ProblemMiddleware extends HttpApiMiddleware.Service<ProblemMiddleware>()(
  "guichet/http/ProblemMiddleware",
  { error: [MalformedRequest, InvalidRequest] }
) {
  /** Needs nothing; an answer that does not fit its own schema stays a defect (500, logged). */
  static readonly layer: Layer.Layer<ProblemMiddleware> = HttpApiMiddleware.layerSchemaErrorTransform(
    ProblemMiddleware,
    refuse
  )
}
