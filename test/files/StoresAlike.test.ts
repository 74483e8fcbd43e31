/**
 * Whatever is done to them, all stores give the same answers.
 * Guards: the reasons of errors, their order (key before type), copies of bytes, empty files, absent files.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import * as fc from "fast-check"
import { FileStore } from "../../src/files/FileStore.ts"
import * as S3Peer from "../support/S3Peer.ts"

const key = fc.constantFrom(
  "a.pdf",
  "a.png",
  "tickets/1/ticket.pdf",
  "tickets/1/qr.png",
  "tickets/1.pdf",
  "tickets/../a.pdf",
  "a.html",
  ""
)

const step = fc.oneof(
  fc.record({
    act: fc.constant("put" as const),
    key,
    bytes: fc.uint8Array({ maxLength: 40 }),
    type: fc.constantFrom("application/pdf", "image/png", "text/html")
  }),
  fc.record({
    act: fc.constant("putAll" as const),
    keys: fc.uniqueArray(key, { minLength: 1, maxLength: 3 }),
    bytes: fc.uint8Array({ maxLength: 40 })
  }),
  fc.record({ act: fc.constantFrom("get" as const, "exists" as const, "remove" as const), key })
)
type Step = typeof step extends fc.Arbitrary<infer A> ? A : never

const say = (error: { readonly reason: string; readonly key: string }) =>
  Effect.succeed({ refused: error.reason, key: error.key } as unknown)

const act = (files: FileStore["Service"], step: Step): Effect.Effect<unknown> => {
  switch (step.act) {
    case "put": {
      const given = step.bytes.slice()
      return Effect.catch(
        Effect.map(files.put(step.key, given, step.type), () => given.fill(7) && "put"),
        say
      )
    }
    case "putAll": {
      const given = step.keys.map((key) => ({
        key,
        bytes: step.bytes.slice(),
        contentType: key.endsWith("png") ? "image/png" : "application/pdf"
      }))
      return Effect.catch(
        Effect.map(files.putAll(given), () => given.forEach(({ bytes }) => bytes.fill(7)) ?? "put"),
        say
      )
    }
    case "get":
      return Effect.catch(
        Effect.map(files.get(step.key), ({ bytes, contentType, key }) => [key, contentType, ...bytes]),
        say
      )
    case "exists":
      return Effect.catch(files.exists(step.key), say)
    default:
      return Effect.catch(Effect.as(files.remove(step.key), "removed"), say)
  }
}

const run = (steps: ReadonlyArray<Step>, store: Layer.Layer<FileStore>) =>
  Effect.flatMap(FileStore, (files) => Effect.forEach(steps, (step) => act(files, step))).pipe(
    Effect.provide(store)
  )

const local = (ownThread: boolean) =>
  Layer.unwrap(Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    return FileStore.layerLocal(yield* fs.makeTempDirectoryScoped(), { ownThread })
  })).pipe(Layer.provide(NodeFileSystem.layer), Layer.orDie)

const s3 = Layer.suspend(() =>
  FileStore.layerS3({ ...S3Peer.bucket, prefix: "some/folder" }).pipe(
    Layer.provide(S3Peer.client(S3Peer.make()))
  )
)

it.effect("answers alike in a folder, in memory and in a bucket", () =>
  Effect.promise(() =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const inMemory = await Effect.runPromise(run(steps, Layer.fresh(FileStore.layerMemory)))
        assert.deepStrictEqual(await Effect.runPromise(run(steps, local(false))), inMemory)
        assert.deepStrictEqual(await Effect.runPromise(run(steps, local(true))), inMemory)
        assert.deepStrictEqual(await Effect.runPromise(run(steps, Layer.fresh(s3))), inMemory)
      }),
      { seed: 20261122, numRuns: 40 }
    )
  ))
