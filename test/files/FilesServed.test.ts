/**
 * Signed links open files wherever they are kept, through us.
 * Guards: the derived key, the day until which the secret itself opens links, no link to an invoice; the same link for every store; `no-store` on files and refusals; the store's address and key are never shown;
 * a store that is away is 503 with Retry-After and not 404 or 500.
 */
import { assert, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer } from "effect"
import { FileStore } from "../../src/files/FileStore.ts"
import { SignedUrl } from "../../src/files/SignedUrl.ts"
import * as FilesRoutes from "../../src/api/FilesRoutes.ts"
import { toWebHandler } from "../../src/http/ServerRules.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import { spent } from "../support/PassingTime.ts"
import * as S3Peer from "../support/S3Peer.ts"
import { secrets } from "../support/TestApp.ts"

const key = "tickets/12/ticket.pdf"
const bytes = new TextEncoder().encode("%PDF-1.7 …")

const secretsLayer = Layer.orDie(ServiceSecrets.layerConfig).pipe(
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(secrets())))
)

const linkTo = (key: string) =>
  Effect.map(ServiceSecrets, (secrets) =>
    SignedUrl.make({
      baseUrl: "http://localhost",
      key,
      expires: 9_999_999_999,
      secret: secrets.derived("ticket-generator-service", "file-link.v2").signing
    }))

const bucket = (peer: S3Peer.Peer) =>
  FileStore.layerS3(S3Peer.bucket).pipe(Layer.provide(S3Peer.client(peer)))

const stores = { memory: () => FileStore.layerMemory, bucket }

for (const [name, store] of Object.entries(stores)) {
  it.effect(`opens a link to a file kept in ${name}, and no cache keeps it`, () =>
    Effect.gen(function* () {
      yield* (yield* FileStore).put(key, bytes, "application/pdf")
      const handler = yield* toWebHandler(FilesRoutes.filesLayer)
      const ask = (url: string) => Effect.promise(() => handler(new Request(url)))
      const file = yield* ask(yield* linkTo(key))
      assert.strictEqual(file.status, 200)
      assert.strictEqual(file.headers.get("content-type"), "application/pdf")
      assert.strictEqual(file.headers.get("cache-control"), "no-store")
      assert.strictEqual(file.headers.get("content-disposition"), 'inline; filename="ticket.pdf"')
      assert.isNull(file.headers.get("location"))
      assert.deepStrictEqual(new Uint8Array(yield* Effect.promise(() => file.arrayBuffer())), bytes)
      const absent = yield* ask(yield* linkTo("tickets/13/ticket.pdf"))
      assert.strictEqual(absent.status, 404)
      assert.strictEqual(absent.headers.get("cache-control"), "no-store")
      const forged = yield* ask((yield* linkTo(key)).replace("tickets/12", "tickets/13"))
      assert.strictEqual(forged.status, 403)
      assert.include(yield* Effect.promise(() => forged.text()), "This link does not open")
    }).pipe(Effect.scoped, Effect.provide(store(S3Peer.make())), Effect.provide(secretsLayer)))
}

it.effect("opens links of the first versions for their time, and invoices and other keys' links never", () =>
  Effect.gen(function* () {
    const files = yield* FileStore
    yield* files.put(key, bytes, "application/pdf")
    yield* files.put("invoices/F-1.pdf", bytes, "application/pdf")
    const secrets = yield* ServiceSecrets
    const handler = yield* toWebHandler(FilesRoutes.filesLayer)
    const [before, after] = [Date.UTC(2027, 2, 1) / 1000, Date.UTC(2027, 2, 1) / 1000 + 1]
    const link = secrets.derived("ticket-generator-service", "file-link.v2").signing
    const raw = secrets.signing("ticket-generator-service")
    const others = [
      secrets.derived("event-planner-core", "file-link.v2").signing,
      secrets.derived("ticket-generator-service", "cluster.v1").signing,
      secrets.signing("event-planner-core")
    ]
    const cases = [
      [key, before, raw, 200],
      [key, after, raw, 403],
      [key, after, link, 200],
      ...others.map((secret) => [key, before, secret, 403] as const),
      ["invoices/F-1.pdf", before, raw, 403],
      ["invoices/F-1.pdf", after, link, 403]
    ] as const
    for (const [key, expires, secret, status] of cases) {
      const url = SignedUrl.make({ baseUrl: "http://localhost", key, expires, secret })
      const answer = yield* Effect.promise(() => handler(new Request(url)))
      assert.strictEqual(answer.status, status, `${key} until ${expires}`)
    }
  }).pipe(Effect.scoped, Effect.provide(FileStore.layerMemory), Effect.provide(secretsLayer)))

it.effect("says that it will be back when the object store is away, and not where that is", () => {
  const peer = S3Peer.make()
  return Effect.gen(function* () {
    const handler = yield* toWebHandler(FilesRoutes.filesLayer)
    const link = yield* linkTo(key)
    peer.mishaps.push(403)
    const away = yield* spent("1 second")(Effect.promise(() => handler(new Request(link))))
    assert.strictEqual(away.status, 503)
    assert.strictEqual(away.headers.get("cache-control"), "no-store")
    assert.isNotNull(away.headers.get("retry-after"))
    const text = yield* Effect.promise(() => away.text())
    for (const secret of ["objects.example", "AKIDPEER", "guichet-files", "FILES_S3"]) {
      assert.notInclude(text, secret)
    }
  }).pipe(Effect.scoped, Effect.provide(bucket(peer)), Effect.provide(secretsLayer))
})
