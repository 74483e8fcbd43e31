/** A smaller body that fails the same way: members and items are left out and texts halved, as long as it does. */
import type { Schema } from "effect"
import { replace, without } from "../support/Mutations.ts"

type Json = Schema.Json

const pointers = (value: Json, path = ""): ReadonlyArray<readonly [pointer: string, value: Json]> =>
  typeof value !== "object" || value === null ? [[path, value]] : [
    [path, value],
    ...Object.entries(value).flatMap(([key, item]) =>
      pointers(item, `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    )
  ]

/** Smaller bodies, the boldest first: half of an array or an object at once, one member, half a text. */
function* smaller(body: Json): Generator<Json> {
  for (const [pointer, value] of pointers(body)) {
    const put = (other: Json) => pointer === "" ? other : replace(body, pointer, other)
    if (typeof value === "string" && value.length > 1) {
      yield put(value.slice(0, value.length >> 1))
      yield put(value.slice(value.length >> 1))
    }
    if (Array.isArray(value) && value.length > 1) {
      yield put(value.slice(0, value.length >> 1))
      yield put(value.slice(value.length >> 1))
    }
    if (pointer !== "" && !/\/\d+$/.test(pointer)) yield without(body, pointer)
  }
}

const encoder = new TextEncoder()

const parsed = (bytes: Uint8Array): Json | undefined => {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Json
  } catch {
    return undefined
  }
}

const depthOf = (bytes: Uint8Array): number => {
  let depth = 0
  let deepest = 0
  for (const byte of bytes) {
    if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth)
    if (byte === 0x7d || byte === 0x5d) depth--
  }
  return deepest
}

/** Walking recurses, and each step writes the whole anew. */
const isWalkable = (bytes: Uint8Array): boolean => bytes.length <= 200_000 && depthOf(bytes) <= 500

const halves = (bytes: Uint8Array): ReadonlyArray<Uint8Array> =>
  bytes.length < 2 ? [] : [bytes.slice(0, bytes.length >> 1), bytes.slice(bytes.length >> 1)]

function* candidates(bytes: Uint8Array): Generator<Uint8Array> {
  const body = isWalkable(bytes) ? parsed(bytes) : undefined
  if (body === undefined) yield* halves(bytes)
  else for (const one of smaller(body)) yield encoder.encode(JSON.stringify(one))
}

/** The smallest that was found with at most so many tries; `fails` says whether a candidate fails as the body does. */
export const shrink = async (
  bytes: Uint8Array,
  fails: (candidate: Uint8Array) => Promise<boolean>,
  tries = 300
): Promise<Uint8Array> => {
  let smallest = bytes
  let left = tries
  for (let found = true; found;) {
    found = false
    for (const candidate of candidates(smallest)) {
      if (left-- <= 0) return smallest
      if (candidate.length >= smallest.length || !(await fails(candidate))) continue
      smallest = candidate
      found = true
      break
    }
  }
  return smallest
}
