/** Every way in which one field of a JSON body can be missing or of the wrong type, one at a time. */
import type { Schema } from "effect"

type Json = Schema.Json
type Key = string | number

/** One broken body, and the JSON pointer (RFC 6901) of what is wrong in it. */
export interface Mutation {
  readonly name: string
  readonly pointer: string
  readonly body: Json
}

const pointerOf = (path: ReadonlyArray<Key>): string =>
  path.map((key) => `/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("")

const keysOf = (pointer: string): ReadonlyArray<string> =>
  pointer.split("/").slice(1).map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"))

const typeOf = (value: Json | undefined): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : typeof value

/** One value of each JSON type; none of them means anything in our bodies. */
const strangers: ReadonlyArray<Json> = [null, true, 1.5, "\u0001", [[]], {}]

type Children = Record<string, Json>

const change = (body: Json, pointer: string, act: (holder: Children, key: string) => void): Json => {
  const copy = structuredClone(body)
  const keys = keysOf(pointer)
  let holder = copy as Children
  for (const key of keys.slice(0, -1)) holder = holder[key] as Children
  act(holder, keys.at(-1)!)
  return copy
}

/** The body with another value at a pointer. */
export const replace = (body: Json, pointer: string, value: Json): Json =>
  change(body, pointer, (holder, key) => holder[key] = value)

/** The body without the member at a pointer. */
export const without = (body: Json, pointer: string): Json =>
  change(body, pointer, (holder, key) => delete holder[key])

/** What is at a pointer. */
export const at = (body: Json, pointer: string): Json =>
  keysOf(pointer).reduce((value, key) => (value as Children)[key]!, body)

interface Found {
  readonly path: ReadonlyArray<Key>
  readonly value: Json
}

const fields = (value: Json, free: ReadonlySet<string>, path: ReadonlyArray<Key>): ReadonlyArray<Found> => {
  const self = path.length === 0 ? [] : [{ path, value }]
  if (typeof value !== "object" || value === null || free.has(pointerOf(path))) return self
  const inside = Object.entries(value).flatMap(([key, item]) =>
    fields(item, free, [...path, Array.isArray(value) ? Number(key) : key])
  )
  return [...self, ...inside]
}

/** Which fields are special: `optional` may be missing, `nullable` null, and nobody looks inside `free` ones. */
export interface Rules {
  readonly optional?: ReadonlyArray<string>
  readonly nullable?: ReadonlyArray<string>
  readonly free?: ReadonlyArray<string>
  /** Fields that take other types too, which are then not tried. */
  readonly also?: Readonly<Record<string, ReadonlyArray<string>>>
}

/** Each field missing, then each field as every JSON type that it is not. */
export const mutations = (body: Json, rules: Rules = {}): ReadonlyArray<Mutation> =>
  fields(body, new Set(rules.free), []).flatMap(({ path, value }) => {
    const pointer = pointerOf(path)
    const removable = typeof path.at(-1) === "string" && !rules.optional?.includes(pointer)
    const allowed = [
      typeOf(value),
      ...(rules.nullable?.includes(pointer) ? ["null"] : []),
      ...(rules.also?.[pointer] ?? [])
    ]
    const wrong = strangers.filter((stranger) => !allowed.includes(typeOf(stranger)))
    return [
      ...(removable ? [{ name: `${pointer} missing`, pointer, body: without(body, pointer) }] : []),
      ...wrong.map((stranger) => ({
        name: `${pointer} as ${typeOf(stranger)}`,
        pointer,
        body: replace(body, pointer, stranger)
      }))
    ]
  })

/** A body with one bad value at each of these pointers; the error may be told at another place than the change. */
export const misfits = (
  body: Json,
  values: ReadonlyArray<readonly [pointer: string, value: Json, toldAt?: string]>
): ReadonlyArray<Mutation> =>
  values.map(([pointer, value, toldAt]) => ({
    name: `${pointer} as ${JSON.stringify(value).slice(0, 60)}`,
    pointer: toldAt ?? pointer,
    body: replace(body, pointer, value)
  }))
