/**
 * A bucket as the file store, against a peer that checks every signature by itself.
 * Guards: each attempt is signed anew over path, digest and type; transient faults are tried again, with the wait the
 * store asks for, and only so often; refusals are final and say what to mend; what came is what was stored; no secret
 * and no trace leaves in an error, a span or a header.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer, Redacted, Result } from "effect"
import { FileStore, type FileStoreError } from "../../src/files/FileStore.ts"
import type { S3Bucket } from "../../src/files/S3Bucket.ts"
import * as Platform from "../../src/Platform.ts"
import { spent } from "../support/PassingTime.ts"
import * as S3Peer from "../support/S3Peer.ts"
import { recording } from "../support/SpanRecorder.ts"
import { TestClock } from "effect/testing"

const key = "tickets/12/ticket.pdf"
const pdf = "application/pdf"
const bytes = new TextEncoder().encode("%PDF-1.7 …")

const store = (peer: S3Peer.Peer, change: Partial<S3Bucket> = {}) =>
  FileStore.layerS3({ ...S3Peer.bucket, ...change }).pipe(Layer.provide(S3Peer.client(peer)))

const withStore = <A, E>(
  work: (files: FileStore["Service"], peer: S3Peer.Peer) => Effect.Effect<A, E>,
  change: Partial<S3Bucket> = {}
) =>
  Effect.suspend(() => {
    const peer = S3Peer.make()
    return Effect.flatMap(FileStore, (files) => work(files, peer)).pipe(Effect.provide(store(peer, change)))
  })

const refusal = (attempt: Effect.Effect<unknown, FileStoreError>) => spent("1 second")(Effect.flip(attempt))

describe("FileStore S3", () => {
  it.effect("puts the object where it belongs, with its type and digest", () =>
    withStore((files, peer) =>
      Effect.gen(function* () {
        yield* files.put(key, bytes, pdf)
        assert.deepStrictEqual([...peer.objects.keys()], [`/guichet-files/guichet/prod/${key}`])
        assert.strictEqual(peer.asked[0]?.headers["content-type"], pdf)
        assert.match(peer.asked[0]?.headers["authorization"] ?? "", /SignedHeaders=content-type;host;x-amz-/)
        assert.deepStrictEqual((yield* files.get(key)).bytes, bytes)
      }), { prefix: "guichet/prod" }))

  it.effect("asks the bucket's own host when the addressing is virtual", () =>
    withStore((files, peer) =>
      Effect.gen(function* () {
        yield* files.put(key, bytes, pdf)
        assert.strictEqual(peer.asked[0]?.headers["host"], "guichet-files.objects.example:9000")
        assert.strictEqual(peer.asked[0]?.path, `/${key}`)
        assert.isTrue(yield* files.exists(key))
      }), { addressing: "virtual" }))

  for (const mishap of [429, 500, 503, "cut", "hang", "flip"] as const) {
    it.effect(`gets over ${mishap}`, () =>
      withStore((files, peer) =>
        Effect.gen(function* () {
          yield* files.put(key, bytes, pdf)
          peer.mishaps.push(mishap)
          assert.deepStrictEqual((yield* spent("1 second")(files.get(key))).bytes, bytes)
          assert.strictEqual(peer.asked.length, 3)
        })
      ))
  }

  it.effect("signs each attempt with its own time", () =>
    withStore((files, peer) =>
      Effect.gen(function* () {
        peer.mishaps.push("hang", "hang")
        yield* spent("1 second")(files.put(key, bytes, pdf))
        assert.strictEqual(new Set(peer.asked.map(({ headers }) => headers["x-amz-date"])).size, 3)
        assert.isBelow(yield* Clock.currentTimeMillis, 25_000)
      })
    ))

  it.effect("waits as long as the store asks", () =>
    withStore((files, peer) =>
      Effect.gen(function* () {
        peer.mishaps.push(503)
        const put = yield* Effect.forkChild(files.put(key, bytes, pdf))
        const until = (count: number) =>
          Effect.gen(function* () {
            while (peer.asked.length < count) {
              yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            }
          })
        yield* until(1)
        for (let tick = 0; tick < 20; tick++) yield* TestClock.adjust("145 millis")
        assert.strictEqual(peer.asked.length, 1)
        yield* TestClock.adjust("1 second")
        yield* until(2)
        yield* Fiber.join(put)
      })
    ))

  it.effect("gives up after four attempts, with what happened", () =>
    withStore((files, peer) =>
      Effect.gen(function* () {
        const cases = [
          [500, /^unavailable: The object store answered 500 InternalError\.$/],
          ["cut", /^unavailable: The object store does not answer: see FILES_S3_ENDPOINT\.$/],
          ["hang", /^unavailable: The object store gave no answer in 10s\.$/]
        ] as const
        for (const [mishap, words] of cases) {
          peer.asked.length = 0
          peer.mishaps.push(mishap, mishap, mishap, mishap)
          const error = yield* refusal(files.put(key, bytes, pdf))
          assert.strictEqual(error.reason, "unavailable")
          assert.match(error.message, words)
          assert.strictEqual(peer.asked.length, 4)
        }
      })
    ))

  it.effect("asks once when another attempt cannot help, and says what to mend", () =>
    withStore((files, peer) =>
      Effect.gen(function* () {
        const cases = [
          [403, /403 AccessDenied.*FILES_S3_ACCESS_KEY_ID.*get, put, delete and list/],
          [404, /no bucket guichet-files .*FILES_S3_BUCKET/],
          [301, /301 PermanentRedirect, in us-west-2.*FILES_S3_ENDPOINT and FILES_S3_REGION/]
        ] as const
        for (const [mishap, words] of cases) {
          for (const attempt of [files.put(key, bytes, pdf), files.get(key), files.remove(key)]) {
            peer.asked.length = 0
            peer.mishaps.push(mishap)
            const error = yield* refusal(attempt)
            assert.strictEqual(error.reason, "unavailable")
            assert.match(error.message, words)
            assert.strictEqual(peer.asked.length, 1)
          }
        }
      })
    ))

  for (const [minutes, words] of [[-20, /20 minutes ahead of/], [20, /20 minutes behind/]] as const) {
    it.effect(`says that the clock is off by ${minutes} minutes, with and without a body to read`, () =>
      withStore((files, peer) =>
        Effect.gen(function* () {
          yield* TestClock.adjust("365 days")
          peer.state.skew = minutes * 60_000
          for (const attempt of [files.put(key, bytes, pdf), files.exists(key)]) {
            const error = yield* refusal(attempt)
            assert.match(error.message, words)
            assert.match(error.message, /1971-01-01T00:00.*set the clock/)
          }
          assert.strictEqual(peer.asked.length, 2)
        })
      ))
  }

  it.effect("is refused with another secret, another key and another region", () =>
    Effect.gen(function* () {
      const strangers = [
        [{ secretAccessKey: Redacted.make("not-this-one") }, /403 SignatureDoesNotMatch/],
        [{ accessKeyId: Redacted.make("AKIDOTHER") }, /403 InvalidAccessKeyId/],
        [{ region: "us-east-1" }, /400 AuthorizationHeaderMalformed.*FILES_S3_REGION/]
      ] as const
      for (const [change, words] of strangers) {
        const error = yield* withStore((files) => refusal(files.put(key, bytes, pdf)), change)
        assert.match(error.message, words)
      }
    }))

  it.effect("never hands out an object that is not what was stored", () =>
    withStore((files, peer) =>
      Effect.gen(function* () {
        yield* files.put(key, bytes, pdf)
        peer.mishaps.push("flip", "flip", "flip", "flip")
        const error = yield* refusal(files.get(key))
        assert.strictEqual(error.message, "unavailable: What the object store sent is not what was stored.")
      })
    ))

  it.effect("tells nobody its key: errors, spans and headers stay clean", () =>
    withStore((files, peer) => {
      const { spans, tracer } = recording()
      return Effect.gen(function* () {
        peer.mishaps.push(403)
        const error = yield* Effect.flip(files.put(key, bytes, pdf))
        peer.mishaps.push("cut", "cut", "cut", "cut")
        const lost = yield* refusal(files.get(key))
        const seen = [
          ...[error, lost].map((known) => `${JSON.stringify(known)} ${known.stack} ${known.cause}`),
          ...spans.map(({ attributes, name }) => `${name} ${JSON.stringify([...attributes])}`)
        ].join()
        assert.include(seen, "http.request.resend_count")
        assert.notInclude(seen, Redacted.value(S3Peer.bucket.secretAccessKey))
        assert.notInclude(seen, Redacted.value(S3Peer.bucket.accessKeyId))
        assert.notInclude(seen, "Signature=")
        assert.isTrue(peer.asked.every(({ headers }) => !("traceparent" in headers) && !("b3" in headers)))
      }).pipe(Effect.withTracer(tracer))
    }))

  it.live("signs what really goes over the wire", () =>
    Effect.gen(function* () {
      const peer = S3Peer.make()
      const endpoint = yield* S3Peer.serve(peer)
      const layer = FileStore.layerS3({ ...S3Peer.bucket, endpoint }).pipe(Layer.provide(Platform.httpClient))
      const files = yield* Effect.provide(FileStore, layer)
      yield* files.put(key, bytes, pdf)
      yield* files.put("empty.txt", new Uint8Array(), "text/plain")
      assert.deepStrictEqual((yield* files.get(key)).bytes, bytes)
      assert.strictEqual((yield* files.get("empty.txt")).bytes.length, 0)
      assert.isTrue(yield* files.exists(key))
      yield* files.remove(key)
      assert.isFalse(yield* files.exists(key))
      const gone = yield* Effect.result(files.get(key))
      assert.isTrue(Result.isFailure(gone) && gone.failure.reason === "not_found")
      peer.mishaps.push("cut", 301)
      assert.match((yield* Effect.flip(files.get(key))).message, /301 PermanentRedirect/)
    }).pipe(Effect.scoped))
})
