/**
 * Many scans in one request: the lines of a turnstile controller, on the decision of every other scan.
 * Guards whose removal turns this file red: the order of the answers, the bounds of a line and of what is in flight, the
 * answer of a bad line in its place, the limit of the token, and the answer before the body ends.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as fc from "fast-check"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { streamBounds } from "../../../src/api/gate/ScanStreamApi.ts"
import { occupancy, publish } from "../../support/GateFixture.ts"
import { steward } from "../../support/OfflineDevice.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { live } from "../../support/Uploads.ts"

const encoder = new TextEncoder()

const scan = (event_id: number, ticket_code: string, changes: object = {}) => ({
  event_id,
  ticket_code,
  scanner_id: "turnstile-1",
  operator_id: "operator-1",
  scan_location: { gate: "T" },
  ...changes
})

const post = (token: string, body: BodyInit, headers: Record<string, string> = {}) =>
  Effect.flatMap(TestApp, (app) =>
    app.fetch("/api/scans/stream", {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson", ...headers },
      body,
      duplex: "half"
    } as RequestInit))

/** The answers to lines that are sent in these pieces. */
const streamed = Effect.fnUntraced(
  function* (token: string, pieces: ReadonlyArray<Uint8Array>, language = "en") {
    const left = [...pieces]
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        const piece = left.shift()
        if (piece === undefined) controller.close()
        else controller.enqueue(piece)
      }
    })
    const response = yield* post(token, body, { "accept-language": language })
    assert.strictEqual(response.status, 200)
    assert.include(response.headers.get("content-type"), "application/x-ndjson")
    const text = yield* Effect.promise(() => response.text())
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line))
  }
)

const linesOf = (scans: ReadonlyArray<object>) =>
  encoder.encode(scans.map((one) => JSON.stringify(one)).join("\n"))

/** The bytes in pieces of these lengths, over and over. */
const inPieces = (bytes: Uint8Array, lengths: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  for (let from = 0, nth = 0; from < bytes.length; nth++) {
    const to = from + lengths[nth % lengths.length]!
    pieces.push(bytes.subarray(from, to))
    from = to
  }
  return pieces
}

layer(TestAppLayer.layer, { excludeTestServices: true })("a stream of scans", (it) => {
  it.effect("is answered line by line in its order, as each scan alone would be", () =>
    Effect.gen(function* () {
      const count = 1_000
      const rows = yield* publish(1, count, { max_attendees: count - 1 })
      const token = yield* steward(1)
      const scans = rows.flatMap(({ code }, at) => [
        scan(1, `${code}\r`, { scan_id: `s-${at}` }),
        ...(at % 10 === 0 ? [scan(1, code)] : [])
      ])
      const answers = yield* streamed(token, inPieces(linesOf(scans), [1_000, 7, 64_000]))
      assert.deepStrictEqual(answers.map(({ line }) => line), scans.map((_, at) => at + 1))
      const expected = rows.flatMap((_, at) => [
        at === count - 1 ? "capacity_reached" : "valid",
        ...(at % 10 === 0 ? ["already_used"] : [])
      ])
      assert.deepStrictEqual(answers.map(({ result }) => result), expected)
      assert.deepInclude(answers[0], { scan_id: "s-0", event_id: 1, gate: "T" })
      assert.include(answers[0].message, "Welcome")
      assert.deepStrictEqual(yield* occupancy(1), {
        inside: count - 1,
        entered: count - 1,
        tickets: count - 1
      })
      const again = yield* streamed(token, [linesOf(scans.filter((one) => "scan_id" in one))])
      assert.deepStrictEqual(
        again.map(({ result }) => result),
        expected.filter((one) => one !== "already_used")
      )
    }))

  it.effect("is read the same however its bytes come", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(2, 1)
      const token = yield* steward(2)
      const scans = [
        scan(2, ticket!.code, { scan_id: "one", scan_metadata: { name: "Zoë 🎉" } }),
        scan(2, "TKT-002-NOBODY", { scan_id: "two" })
      ]
      const bytes = encoder.encode(`\n${scans.map((one) => JSON.stringify(one)).join("\r\n\n")}\n \n`)
      const cuts = fc.sample(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 }), {
        seed: 20_250_620,
        numRuns: 50
      })
      for (const lengths of cuts) {
        const answers = yield* streamed(token, inPieces(bytes, lengths))
        assert.deepStrictEqual(answers.map(({ line, result }) => [line, result]), [
          [2, "valid"],
          [4, "unknown_ticket"]
        ])
      }
    }))

  it.effect("answers a bad line in its place, and every other as if it were not there", () =>
    Effect.gen(function* () {
      const [ticket] = yield* publish(3, 1)
      const token = yield* steward(3)
      const bad = [
        "{",
        "[]",
        "null",
        `{"event_id":3}`,
        "[".repeat(1_000),
        JSON.stringify(scan(3, "x", { scan_metadata: { long: "x".repeat(streamBounds.line) } })),
        "x".repeat(200_000),
        JSON.stringify(scan(3, "x", { scanner_id: "\u202e" }))
      ]
      const text = [...bad, JSON.stringify(scan(3, ticket!.code))].join("\n")
      const answers = yield* streamed(token, inPieces(encoder.encode(text), [10_000]))
      assert.deepStrictEqual(answers.map(({ status = 200 }) => status), [
        400,
        422,
        422,
        422,
        400,
        400,
        400,
        422,
        200
      ])
      assert.deepInclude(answers[3].errors[0], { pointer: "/scanner_id" })
      assert.strictEqual(answers.at(-1).result, "valid")
      const broken = yield* streamed(token, [new Uint8Array([0x22, 0xff, 0x22, 0x0a])])
      assert.deepStrictEqual(broken.map(({ status }) => status), [400])
      assert.deepStrictEqual(yield* streamed(token, []), [])
    }))

  it.effect("answers a scan while its body goes on", () =>
    Effect.gen(function* () {
      const rows = yield* publish(4, 3)
      const token = yield* steward(4)
      let controller: ReadableStreamDefaultController<Uint8Array> | undefined
      const body = new ReadableStream<Uint8Array>({
        start: (made) => {
          controller = made
        }
      })
      const send = ({ code }: { code: string }) =>
        controller!.enqueue(encoder.encode(`${JSON.stringify(scan(4, code))}\n`))
      send(rows[0]!)
      const response = yield* post(token, body)
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
      const next = Effect.map(
        Effect.promise(() => reader.read()),
        ({ value }) => JSON.parse(value!).result
      )
      assert.strictEqual(yield* next, "valid")
      for (const row of rows.slice(1)) {
        send(row)
        assert.strictEqual(yield* next, "valid")
      }
      controller!.close()
      assert.isTrue((yield* Effect.promise(() => reader.read())).done)
    }))

  it.effect("is for those who scan, and tells nobody of events that are another's", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const [ticket] = yield* publish(5, 1)
      const token = yield* steward(6)
      const lines = linesOf([scan(5, ticket!.code), scan(99, ticket!.code)])
      const [there, nowhere] = yield* streamed(token, [lines])
      assert.deepStrictEqual([there.result, nowhere.result], ["operator_forbidden", "operator_forbidden"])
      const organiser = yield* streamed(app.organizer, [lines])
      assert.deepStrictEqual(organiser.map(({ status }) => status), [404, 404])
      assert.strictEqual((yield* post("gct_nobody", lines)).status, 401)
      const wrong = yield* post(yield* steward(5), lines, { "content-type": "application/json" })
      assert.strictEqual(wrong.status, 415)
      assert.include(yield* Effect.promise(() => wrong.text()), "application/x-ndjson")
      assert.strictEqual((yield* live(yield* steward(5), 5, ticket!.code)).result, "valid")
    }))

  it.effect("ends with its token", () =>
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      yield* publish(7, 1)
      const made = yield* tokens.create({
        role: "operator",
        subject: "operator-1",
        owner: "organizer-1",
        events: [7]
      })
      const response = yield* post(Redacted.value(made.token), new ReadableStream<Uint8Array>())
      yield* tokens.revoke(made.tokenId)
      assert.strictEqual(yield* Effect.promise(() => response.text()), "")
    }))
})
