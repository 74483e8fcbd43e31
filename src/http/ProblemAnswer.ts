/**
 * The last change to every answer: a failure, whichever code wrote it, leaves as application/problem+json.
 */
import { Option, Schema } from "effect"
import { HttpBody, type HttpServerRequest, HttpServerResponse, ProblemDetails } from "effect/http"
import { problemType, type ProblemWords, wordsFor } from "./ProblemCatalog.ts"
import { requestIdHeader } from "./RequestId.ts"

type Members = Readonly<Record<string, unknown>>

const decodeMembers = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
)

const decoder = new TextDecoder()

const membersOf = (response: HttpServerResponse.HttpServerResponse): Members => {
  const type = response.headers["content-type"] ?? ""
  return response.body._tag === "Uint8Array" && type.includes("json")
    ? Option.getOrElse(decodeMembers(decoder.decode(response.body.body)), () => ({}))
    : {}
}

const textOr = (value: unknown, fallback: string): string =>
  typeof value === "string" && value !== "" ? value : fallback

/** The members of a problem for a failed answer: its own, or the words of the status. */
const problemOf = (status: number, members: Members, words: ProblemWords, instance: string): Members => {
  return {
    ...(status >= 500 && members["type"] === undefined ? {} : members),
    type: textOr(members["type"], problemType(words.slug)),
    title: textOr(members["title"], words.title),
    status,
    detail: textOr(members["detail"], status < 500 ? textOr(members["message"], words.detail) : words.detail),
    instance: textOr(members["instance"], instance)
  }
}

const challenge = (problem: Members): string =>
  problem["type"] === problemType("service-refused")
    ? `Signature realm="guichet-services"`
    : `Bearer realm="guichet"`

const headersOf = (
  response: HttpServerResponse.HttpServerResponse,
  problem: Members
): Record<string, string> => {
  const headers: Record<string, string> = { "cache-control": "no-store" }
  if (response.status === 401 && response.headers["www-authenticate"] === undefined) {
    headers["www-authenticate"] = challenge(problem)
  }
  const wait = problem["retry_after"] ?? (response.status === 503 ? 2 : undefined)
  if (typeof wait === "number" && response.headers["retry-after"] === undefined) {
    headers["retry-after"] = String(Math.max(1, Math.ceil(wait)))
  }
  return headers
}

/** The words of a status, with what this address takes where that is what was wrong. */
const wordsOf = (status: number, url: string, limit: number): ProblemWords => {
  const words = wordsFor(status)
  if (status === 413) {
    return { ...words, detail: `A body has at most ${limit} bytes here. ${words.detail}` }
  }
  if (status === 415 && /\/logo\/?$/.test(url)) {
    return { ...words, detail: "Send the picture as image/png or image/jpeg and say so in Content-Type." }
  }
  if (status === 415 && /\/scans\/stream\/?$/.test(url)) {
    return {
      ...words,
      detail: "Send one JSON object on each line as application/x-ndjson and say so in Content-Type."
    }
  }
  return words
}

/** A page says itself what is wrong, to a person. */
const isPage = ({ body }: HttpServerResponse.HttpServerResponse): boolean =>
  body._tag === "Uint8Array" && body.contentType.startsWith("text/html")

/**
 * Turns any failed answer into a problem and adds the headers every answer has; `allowed` lists the methods
 * of its path, `limit` is the size of its largest body.
 */
export const finishAnswer = (
  request: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse,
  options: {
    readonly requestId: string
    readonly limit: number
    readonly allowed: (url: string) => ReadonlyArray<string>
  }
): HttpServerResponse.HttpServerResponse => {
  const always = { [requestIdHeader]: options.requestId, "x-content-type-options": "nosniff" }
  if (response.status < 400 || isPage(response)) return HttpServerResponse.setHeaders(response, always)
  const allowed = response.status === 404 && response.body._tag === "Empty"
    ? options.allowed(request.url)
    : []
  const refused = allowed.length > 0 && !allowed.includes(request.method)
    ? response.pipe(
      HttpServerResponse.setStatus(405),
      HttpServerResponse.setHeader("allow", allowed.join(", "))
    )
    : response
  const members = membersOf(refused)
  const words = wordsOf(refused.status, request.url, options.limit)
  const problem = problemOf(refused.status, members, words, options.requestId)
  return refused.pipe(
    HttpServerResponse.setBody(HttpBody.text(JSON.stringify(problem), ProblemDetails.contentType)),
    HttpServerResponse.setHeaders({ ...headersOf(refused, problem), ...always })
  )
}
