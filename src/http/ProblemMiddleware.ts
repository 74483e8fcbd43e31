/** Turns what the request schemas refuse into 400 and 422 problems that point at every wrong field. */
import { Context, Effect, Layer, Option, Schema, SchemaIssue } from "effect"
import { HttpServerRequest } from "effect/http"
import {
  HttpApi,
  type HttpApiEndpoint,
  type HttpApiError,
  type HttpApiGroup,
  HttpApiMiddleware
} from "effect/http-api"
import { readsJson, sampledIssue } from "./ErrorSample.ts"
import { suggested, unknownName } from "./UnknownName.ts"
import { type FieldError, InvalidRequest, MalformedRequest } from "./Problems.ts"

/**
 * How every API of ours reads: all wrong parameters are reported; a body stops at its first wrong field, and its others
 * are found in a sample.
 */
export const parsing = Context.make(HttpApi.ParseOptions, { errors: "all" as const }).pipe(
  Context.add(HttpApi.PayloadParseOptions, {})
)

/**
 * How a group reads what people write by hand: a member or a parameter that nobody reads is refused, so that a misspelt
 * one is not ignored. What devices and services send keeps what it has besides.
 */
export const strictParsing = Context.make(HttpApi.PayloadParseOptions, { onExcessProperty: "error" as const })
  .pipe(Context.add(HttpApi.QueryParseOptions, { errors: "all", onExcessProperty: "error" }))

/** More entries than this are counted, not listed. */
const listed = 100

/** Longer names in a pointer are cut: a key may have 64 KiB. */
const longestName = 200

const places = { Params: "path", Query: "query", Headers: "header" } as const

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) =>
    issue._tag === "UnexpectedKey" ? unknownName(issue) : SchemaIssue.defaultLeafHook(issue)
})

const segment = (key: PropertyKey | { readonly key: PropertyKey }): string => {
  const name = String(typeof key === "object" ? key.key : key)
  return name.slice(0, longestName).replaceAll("~", "~0").replaceAll("/", "~1")
}

const sentence = (message: string): string =>
  message === "Missing key" ? "This field is required." : /[.?]$/.test(message) ? message : `${message}.`

/** The wrong fields of a refused request, each once, in the order of the schema. */
export const fieldErrors = (
  kind: HttpApiError.HttpApiSchemaError["kind"],
  issue: SchemaIssue.Issue
): ReadonlyArray<FieldError> => {
  const place = kind === "Params" || kind === "Query" || kind === "Headers" ? places[kind] : undefined
  const found = new Map<string, FieldError>()
  for (const { message, path: keys = [] } of format(issue).issues) {
    const path = keys.map(segment)
    const known = found.size < listed ? suggested(message, path.at(-1) ?? "") : message
    const detail = sentence(known)
    const entry: FieldError = place === undefined
      ? { pointer: path.map((name) => `/${name}`).join(""), detail }
      : { in: place, parameter: path.join("."), detail }
    found.set(`${path.join("/")} ${detail}`, entry)
  }
  return Array.from(found.values())
}

const parseJson = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Unknown))

const malformed = (text: string): MalformedRequest =>
  new MalformedRequest({
    detail: text.trim() === ""
      ? "The body is empty: send a JSON document."
      : "The body is not valid JSON: correct its syntax and send it again."
  })

const invalid = (errors: ReadonlyArray<FieldError>, isAll: boolean): InvalidRequest => {
  const many = isAll ? errors.length : `At least ${errors.length}`
  return new InvalidRequest({
    detail: errors.length === 1
      ? "One value is wrong: correct it as errors says and send the request again."
      : `${many} values are wrong: correct them as errors says and send the request again.`,
    errors: errors.slice(0, listed)
  })
}

interface Asked {
  readonly endpoint: HttpApiEndpoint.Top
  readonly group: HttpApiGroup.Top
}

const refuseJson = Effect.fnUntraced(function* ({ endpoint, group }: Asked, first: SchemaIssue.Issue) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const text = yield* Effect.orDie(request.text)
  const body = parseJson(text)
  if (Option.isNone(body)) return yield* malformed(text)
  const found = Option.getOrElse(
    yield* sampledIssue(
      endpoint,
      body.value,
      Context.getOrUndefined(group.annotations, HttpApi.PayloadParseOptions)
    ),
    () => ({ issue: first, isWhole: false })
  )
  return yield* invalid(fieldErrors("Payload", found.issue), found.isWhole)
})

const refuse = (
  error: HttpApiError.HttpApiSchemaError,
  asked: Asked
) => {
  const { cause: { issue }, kind } = error
  switch (kind) {
    case "Body":
    case "ResponseHeaders":
      return Effect.die(error)
    case "Payload":
      return readsJson(asked.endpoint)
        ? refuseJson(asked, issue)
        : Effect.fail(invalid(fieldErrors(kind, issue), false))
    default:
      return Effect.fail(invalid(fieldErrors(kind, issue), true))
  }
}

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
