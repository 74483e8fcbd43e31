/** No default secret exists: each one is given, or made at random and kept. */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Redacted, Result } from "effect"
import { createHmac } from "node:crypto"
import { derivedKey } from "../../src/trust/DerivedKey.ts"
import { ServiceName } from "../../src/trust/ServiceName.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import { configuration, environment } from "./ExampleServices.ts"

const load = (layer: typeof ServiceSecrets.layerConfig, values: Record<string, string>) =>
  Effect.provide(ServiceSecrets, layer).pipe(Effect.provide(configuration(values)), Effect.result)

describe("the secrets of services", () => {
  it.effect("come from the environment, the previous one included", () =>
    Effect.gen(function* () {
      const secrets = Result.getOrThrow(yield* load(ServiceSecrets.layerConfig, environment))
      assert.strictEqual(
        Redacted.value(secrets.signing("payment-service")),
        environment.PAYMENT_SERVICE_SECRET
      )
      assert.lengthOf(secrets.accepted("payment-service"), 1)
      assert.deepStrictEqual(secrets.accepted("ticket-generator-service").map(Redacted.value), [
        environment.TICKET_GENERATOR_SECRET,
        environment.TICKET_GENERATOR_SECRET_PREVIOUS
      ])
    }))

  it.effect("give a key of its own to each purpose and service, of the previous secret too", () =>
    Effect.gen(function* () {
      const secrets = Result.getOrThrow(yield* load(ServiceSecrets.layerConfig, environment))
      const purposes = ["file-link.v2", "cluster.v1", "sandbox-webhook.v1"] as const
      const keys = ServiceName.literals.flatMap((name) =>
        purposes.flatMap((purpose) => {
          const { accepted, signing } = secrets.derived(name, purpose)
          assert.strictEqual(Redacted.value(accepted[0]!), Redacted.value(signing))
          assert.lengthOf(accepted, secrets.accepted(name).length)
          return accepted.map(Redacted.value)
        })
      )
      const texts = ServiceName.literals.flatMap((name) => secrets.accepted(name).map(Redacted.value))
      assert.strictEqual(new Set([...keys, ...texts]).size, keys.length + texts.length)
    }))

  it("are derived as RFC 5869 says: links that were handed out open after an upgrade", () => {
    const key = Redacted.value(derivedKey(Redacted.make("a secret of the documents"), "file-link.v2"))
    const extracted = createHmac("sha256", new Uint8Array(32)).update("a secret of the documents").digest()
    const expanded = createHmac("sha256", extracted).update("guichet.file-link.v2").update(
      new Uint8Array([1])
    )
    assert.strictEqual(key, expanded.digest("base64url"))
  })

  it.effect("stop the start with a sentence that names each missing or short one", () =>
    Effect.gen(function* () {
      const { CORE_SERVICE_SECRET: _, ...rest } = environment
      const result = yield* load(ServiceSecrets.layerConfig, { ...rest, SCAN_VALIDATION_SECRET: "short" })
      if (!Result.isFailure(result) || result.failure._tag !== "SecretMissing") {
        return assert.fail("it started")
      }
      assert.deepStrictEqual(result.failure.variables, ["CORE_SERVICE_SECRET", "SCAN_VALIDATION_SECRET"])
      assert.match(result.failure.message, /^Set CORE_SERVICE_SECRET, SCAN_VALIDATION_SECRET to /)
      assert.notInclude(result.failure.message, environment.PAYMENT_SERVICE_SECRET)
    }))

  it.effect("are made at random beside the embedded database and stay the same", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const load = Effect.provide(ServiceSecrets, ServiceSecrets.layerFile(directory), { local: true }).pipe(
        Effect.provide(configuration({ CORE_SERVICE_SECRET: environment.CORE_SERVICE_SECRET }))
      )
      const first = yield* load
      const again = yield* load
      const values = ServiceName.literals.map((name) => Redacted.value(first.signing(name)))
      assert.strictEqual(new Set(values).size, 5)
      assert.strictEqual(values[0], environment.CORE_SERVICE_SECRET)
      assert.deepStrictEqual(ServiceName.literals.map((name) => Redacted.value(again.signing(name))), values)
      const stat = yield* fs.stat(`${directory}/secrets/payment-service`)
      assert.strictEqual(Number(stat.mode) & 0o777, 0o600)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  it.effect("are refused when they are short, rather than made at random instead", () =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const error = yield* Effect.flip(
        Effect.provide(ServiceSecrets, ServiceSecrets.layerFile(directory)).pipe(
          Effect.provide(configuration({
            PAYMENT_SERVICE_SECRET: "short",
            SCAN_VALIDATION_SECRET: environment.SCAN_VALIDATION_SECRET,
            SCAN_VALIDATION_SECRET_PREVIOUS: "short"
          }))
        )
      )
      assert.match(error.message, /^Set PAYMENT_SERVICE_SECRET, SCAN_VALIDATION_SECRET_PREVIOUS to /)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
})
