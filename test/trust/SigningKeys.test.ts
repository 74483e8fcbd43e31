import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Layer } from "effect"
import { createHash, generateKeyPairSync } from "node:crypto"
import { QrData } from "../../src/trust/QrData.ts"
import { SigningKeyError, SigningKeys } from "../../src/trust/SigningKeys.ts"

const pair = () => generateKeyPairSync("ed25519")
const pkcs8 = (key: ReturnType<typeof pair>): string =>
  key.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64")
const spki = (key: ReturnType<typeof pair>): string =>
  key.publicKey.export({ format: "der", type: "spki" }).toString("base64")

const configured = (env: Record<string, string>) =>
  Effect.provide(
    SigningKeys,
    Layer.provide(SigningKeys.layerConfig, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
  )
const ticket = { id: 9, eventId: 2, timestamp: 1750000000, code: "TKT-002-ABC123" }

describe("SigningKeys", () => {
  it.effect("stops with a sentence that names the variable when the key is missing", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(configured({}))
      assert.instanceOf(error, SigningKeyError)
      assert.match(error.message, /^TICKET_SIGNING_KEY is not set: .+openssl genpkey/)
    }))

  it.effect("refuses a key of another kind without printing it", () =>
    Effect.gen(function* () {
      const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey
      const secret = rsa.export({ format: "der", type: "pkcs8" }).toString("base64")
      for (const text of [secret, "not a key"]) {
        const error = yield* Effect.flip(configured({ TICKET_SIGNING_KEY: text }))
        assert.match(error.message, /^TICKET_SIGNING_KEY is not an Ed25519 private key/)
        assert.notInclude(JSON.stringify(error), text)
      }
    }))

  it.effect("still verifies tickets signed before a rotation, and publishes both keys", () =>
    Effect.gen(function* () {
      const [old, fresh] = [pair(), pair()]
      const before = yield* configured({ TICKET_SIGNING_KEY: pkcs8(old) })
      const after = yield* configured({
        TICKET_SIGNING_KEY: pkcs8(fresh),
        TICKET_SIGNING_KEYS_RETIRED: ` ${spki(old)} , `
      })
      assert.strictEqual(QrData.verify(QrData.sign(before, ticket), after.trusted)._tag, "Success")
      assert.strictEqual(QrData.verify(QrData.sign(after, ticket), before.trusted)._tag, "Failure")
      assert.deepStrictEqual(after.keySet.keys.map((key) => key.kid), [after.kid, before.kid])
    }))

  it.effect("names a key by the start of its RFC 7638 thumbprint", () =>
    Effect.gen(function* () {
      const { keySet: { keys: [jwk] } } = yield* configured({ TICKET_SIGNING_KEY: pkcs8(pair()) })
      const canonical = `{"crv":"Ed25519","kty":"OKP","x":"${jwk!.x}"}`
      assert.isTrue(createHash("sha256").update(canonical).digest("base64url").startsWith(jwk!.kid))
    }))

  it.effect("keeps a key of its own in a private file, the same for everyone who starts at once", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const start = Effect.provide(SigningKeys, Layer.fresh(SigningKeys.layerFile(directory)))
      const kids = yield* Effect.all(Array.from({ length: 8 }, () => Effect.map(start, (keys) => keys.kid)), {
        concurrency: "unbounded"
      })
      assert.strictEqual(new Set(kids).size, 1)
      assert.strictEqual((yield* start).kid, kids[0])
      const info = yield* fs.stat(`${directory}/secrets/ticket-signing-key`)
      assert.strictEqual(info.mode & 0o777, 0o600)
      assert.deepStrictEqual(yield* fs.readDirectory(`${directory}/secrets`), ["ticket-signing-key"])
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  it.effect("uses the key of the environment beside the embedded database, whose own one is retired", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const start = (env: Record<string, string>) =>
        Effect.provide(SigningKeys, Layer.fresh(SigningKeys.layerFile(directory))).pipe(
          Effect.provide(ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
        )
      const own = yield* start({})
      const given = yield* start({ TICKET_SIGNING_KEY: pkcs8(pair()) })
      assert.notStrictEqual(given.kid, own.kid)
      assert.deepStrictEqual(given.keySet.keys.map((key) => key.kid), [given.kid, own.kid])
      assert.strictEqual(QrData.verify(QrData.sign(own, ticket), given.trusted)._tag, "Success")
      assert.strictEqual((yield* start({ TICKET_SIGNING_KEY: "" })).kid, own.kid)
      const refused = yield* Effect.flip(start({ TICKET_SIGNING_KEY: "abc" }))
      assert.match(refused.message, /^TICKET_SIGNING_KEY is not an Ed25519 private key/)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
})
