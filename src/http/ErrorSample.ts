/**
 * Every wrong field of a refused body, at a bounded cost: collecting all errors of a large body takes seconds, so a
 * sample of it is decoded again, its arrays cut short.
 */
import { Effect, Option, Schema, type SchemaAST, type SchemaIssue } from "effect"
import type { HttpApiEndpoint } from "effect/http-api"

/** Items of an array that are looked at. */
const itemsLookedAt = 100

/** What a sample may weigh: each value counts 1, and 1 more for every 64 characters of text. */
const heaviest = 2_000

/** A body with its arrays cut; `isWhole` when nothing was. */
export interface Sample {
  readonly body: unknown
  readonly isWhole: boolean
}

/** None when even a sample is too large. The depth of a parsed body is bounded, so this may recurse. */
export const sampleOf = (body: unknown): Option.Option<Sample> => {
  let weight = 0
  let isWhole = true
  const weigh = (text: string) => {
    weight += text.length >> 6
  }
  const cut = (value: unknown): unknown => {
    weight++
    if (typeof value === "string") weigh(value)
    if (typeof value !== "object" || value === null) return value
    if (Array.isArray(value)) {
      const items: Array<unknown> = []
      for (const item of value.slice(0, itemsLookedAt)) {
        if (weight > heaviest / 2 && items.length > 0) break
        items.push(cut(item))
      }
      if (items.length < value.length) isWhole = false
      return items
    }
    const members: Array<readonly [string, unknown]> = []
    for (const name in value) {
      weigh(name)
      members.push([name, cut((value as Record<string, unknown>)[name])])
      if (weight > heaviest) break
    }
    return Object.fromEntries(members)
  }
  const sample = cut(body)
  return weight > heaviest ? Option.none() : Option.some({ body: sample, isWhole })
}

type Decode = (body: unknown) => Effect.Effect<unknown, Schema.SchemaError>

const decoders = new WeakMap<HttpApiEndpoint.Top, Decode>()

const jsonSchemas = (endpoint: HttpApiEndpoint.Top) =>
  [...endpoint.payload.values()].flatMap(({ encoding, schemas }) =>
    encoding._tag === "Json" ? [...schemas] : []
  )

/** Whether a body of this endpoint may be JSON. */
export const readsJson = (endpoint: HttpApiEndpoint.Top): boolean => jsonSchemas(endpoint).length > 0

/** Decodes any JSON body of the endpoint and collects every error. */
const decoderOf = (endpoint: HttpApiEndpoint.Top, options: SchemaAST.ParseOptions | undefined): Decode => {
  const known = decoders.get(endpoint)
  if (known !== undefined) return known
  const decode = Schema.decodeUnknownEffect(Schema.Union(jsonSchemas(endpoint)), {
    ...options,
    errors: "all"
  }) as Decode
  decoders.set(endpoint, decode)
  return decode
}

/** The issues of a sample, read with the endpoint's options; none when it cannot be taken or nothing in it is wrong. */
export const sampledIssue = Effect.fnUntraced(function* (
  endpoint: HttpApiEndpoint.Top,
  body: unknown,
  options?: SchemaAST.ParseOptions
) {
  const sample = sampleOf(body)
  if (Option.isNone(sample)) return Option.none()
  const issue = yield* Effect.match(decoderOf(endpoint, options)(sample.value.body), {
    onFailure: (error): Option.Option<SchemaIssue.Issue> => Option.some(error.issue),
    onSuccess: () => Option.none()
  })
  return Option.map(issue, (issue) => ({ issue, isWhole: sample.value.isWhole }))
})
