/**
 * Every text and every name of every contract, found by walking what its schema takes: text that PostgreSQL does not
 * store is refused before anything is asked of it, and a name that nobody reads is refused where people write by hand.
 * Guards whose removal turns this file red: the pattern or the check of each text, `strictParsing` on a group.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit, Schema } from "effect"
import { isBytes, valueOf } from "../fuzz/Bodies.ts"
import { type Route, routes } from "../fuzz/Contract.ts"
import { Random } from "../fuzz/Random.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import { replace } from "../support/Mutations.ts"
import flow from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }

type Json = Schema.Json

/** What a device read or knows is stored whatever it is: `storableText` mends it, so that no guest waits for a device. */
const mended = [
  "core POST /api/scans/validate",
  "core POST /api/scans/batch",
  "core POST /api/internal/scan-validation",
  "scans POST /api/scans/verify"
]

/** Bodies of a route, different enough to have each of its optional members. */
const samples = (schema: Schema.Top, body: boolean): ReadonlyArray<Json> =>
  Array.from({ length: 12 }, (_, seed) => valueOf(schema, new Random(seed + 1), body))
    .filter((value) => value !== undefined)

const texts = (value: Json, path = ""): ReadonlyArray<readonly [pointer: string, text: string]> =>
  typeof value === "string" ? [[path, value]] : typeof value !== "object" || value === null ? [] : Object
    .entries(value).flatMap(([key, item]) => texts(item, `${path}/${key.replaceAll("/", "~1")}`))

/** A member that nobody reads is dropped, and a cursor is read as what it stands for. */
const holds = (value: unknown, end: string): boolean =>
  typeof value === "string" ? value.includes(end) : typeof value === "object" && value !== null &&
    Object.values(value).some((item) => holds(item, end))

const hostile = ["\u0000", "\ud800"]

/** The places of a schema at which it takes text that cannot be stored. */
const unguarded = (schema: Schema.Top, body: boolean): ReadonlyArray<string> => {
  const decode = Schema.decodeUnknownExit(schema as Schema.Codec<unknown, unknown>)
  const found = new Set<string>()
  for (const value of samples(schema, body)) {
    for (const [pointer, text] of texts(value)) {
      for (const end of hostile) {
        const taken = decode(replace(value, pointer, text + end))
        if (Exit.isSuccess(taken) && holds(taken.value, end)) found.add(pointer.replaceAll(/\/\d+/g, "/*"))
      }
    }
  }
  return [...found]
}

const isJson = ({ payload }: Route): boolean => payload !== undefined && !isBytes(payload)

describe("the text of every contract", () => {
  it("is storable wherever it is free", () => {
    const found = routes.flatMap(({ name, params, payload, query, ...route }) => {
      if (mended.includes(name)) return []
      const places = [
        ...(isJson({ name, params, payload, query, ...route }) ? unguarded(payload!, true) : []),
        ...[params, query].flatMap((schema) => schema === undefined ? [] : unguarded(schema, false))
      ]
      return places.map((place) => `${name} ${place}`)
    })
    assert.deepStrictEqual(found, [])
  })

  it("is taken as it is from devices by routes that exist", () => {
    const names = routes.map(({ name }) => name)
    assert.deepStrictEqual([...mended, ...devices].filter((name) => !names.includes(name)), [])
  })
})

/** What a device asks at the gate is answered, whatever a newer version of it adds. */
const devices = [
  "core POST /api/scans/validate",
  "core POST /api/scans/batch",
  "core POST /api/scans/:scan_id/annul",
  "core GET /api/events/:event_id/offline-bundle"
]

const organisers = routes.filter(({ name, part, sender }) =>
  part === "core" && sender.kind === "token" && !devices.includes(name)
)

const filled = ({ params, path }: Route): string => {
  const words = params === undefined ? {} : valueOf(params, new Random(1), false) as Record<string, Json>
  return path.replaceAll(/:(\w+)/g, (_, word: string) => encodeURIComponent(String(words[word])))
}

layer(TestAppLayer.layer, { excludeTestServices: true })("a name that nobody reads", (it) => {
  it.effect("is refused in every body and query that people write, and pointed at", () =>
    Effect.gen(function* () {
      const { admin, ask } = yield* TestApp
      const wrong: Array<string> = []
      const expect = (name: string, { json, status }: Answer, place: object) => {
        const errors: ReadonlyArray<object> = json?.errors ?? []
        const isThere = errors.some((one) =>
          Object.entries(place).every(([key, value]) => one[key as keyof typeof one] === value)
        )
        if (status !== 422 || !isThere) wrong.push(`${name}: ${status} ${JSON.stringify(json)}`)
      }
      for (const route of organisers) {
        const { method, name, payload, query } = route
        if (isJson(route) && method !== "GET") {
          const body = { ...samples(payload!, true)[0] as object, zzz: 1 }
          expect(name, yield* ask(filled(route), { method, token: admin, body }), { pointer: "/zzz" })
        }
        if (query !== undefined) {
          const asked = yield* ask(`${filled(route)}?zzz=1`, { method, token: admin })
          expect(name, asked, { in: "query", parameter: "zzz" })
        }
      }
      assert.deepStrictEqual(wrong, [])
    }))

  it.effect("is answered with the one that was meant", () =>
    Effect.gen(function* () {
      const { organizer: token, ask } = yield* TestApp
      const body = { ...flow, event_data: { ...flow.event_data, max_atendees: 5, re_entry: true } }
      const { json } = yield* ask("/api/orchestration/complete-flow", { token, body })
      const detailOf = (pointer: string) =>
        json.errors.find((one: { readonly pointer: string }) => one.pointer === pointer).detail
      assert.include(detailOf("/event_data/max_atendees"), "max_attendees?")
      assert.include(detailOf("/event_data/re_entry"), "Nothing of this name is read here")
      const list = yield* ask("/api/orchestration/flows?statuss=failed", { token })
      assert.include(list.json.errors[0].detail, "did you mean status?")
    }))
})
