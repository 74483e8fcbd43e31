/**
 * Which store the environment chooses.
 * Guards: nothing set is a folder; a bucket named by halves or wrongly stops the start with the variable's name and
 * without its value.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option, Redacted } from "effect"
import { bucketConfig, objectUrl } from "../../src/files/S3Bucket.ts"

const whole = {
  FILES_S3_ENDPOINT: "https://s3.eu-west-3.amazonaws.com/",
  FILES_S3_BUCKET: "guichet-files",
  FILES_S3_REGION: "eu-west-3",
  FILES_S3_ACCESS_KEY_ID: "AKIDEXAMPLE",
  FILES_S3_SECRET_ACCESS_KEY: "canary+secret/key"
}

const read = (env: Record<string, string>) =>
  bucketConfig.pipe(
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(env))
  )

const sentence = (env: Record<string, string>) =>
  Effect.map(Effect.flip(read(env)), (error) => {
    assert.notInclude(`${error} ${JSON.stringify(error)}`, "canary")
    return error.message
  })

describe("the bucket of the environment", () => {
  it.effect("is none when nothing is set, or set to nothing", () =>
    Effect.gen(function* () {
      assert.isTrue(Option.isNone(yield* read({})))
      assert.isTrue(Option.isNone(yield* read({ FILES_S3_BUCKET: "", FILES_S3_PREFIX: " " })))
    }))

  it.effect("is read whole, with a path's address unless told otherwise", () =>
    Effect.gen(function* () {
      const bucket = Option.getOrThrow(yield* read(whole))
      assert.strictEqual(Redacted.value(bucket.secretAccessKey), "canary+secret/key")
      assert.notInclude(JSON.stringify(bucket), "canary")
      assert.strictEqual(
        objectUrl(bucket, "a/b.pdf").href,
        "https://s3.eu-west-3.amazonaws.com/guichet-files/a/b.pdf"
      )
      const own = Option.getOrThrow(
        yield* read({ ...whole, FILES_S3_ADDRESSING: "virtual", FILES_S3_PREFIX: "prod/1" })
      )
      assert.strictEqual(
        objectUrl(own, "a/b.pdf").href,
        "https://guichet-files.s3.eu-west-3.amazonaws.com/prod/1/a/b.pdf"
      )
    }))

  it.effect("is refused by halves, with the names of what is missing", () =>
    Effect.gen(function* () {
      for (const name of Object.keys(whole)) {
        const { [name as keyof typeof whole]: _, ...rest } = whole
        assert.include(yield* sentence(rest), `Set ${name} too`)
      }
      assert.strictEqual(
        yield* sentence({ FILES_S3_PREFIX: "canary", FILES_S3_ENDPOINT: whole.FILES_S3_ENDPOINT }),
        "Set FILES_S3_BUCKET, FILES_S3_REGION, FILES_S3_ACCESS_KEY_ID, and FILES_S3_SECRET_ACCESS_KEY too, " +
          "or no FILES_S3_ variable at all to keep files in a folder."
      )
    }))

  it.effect("has no host of its own at an address", () =>
    Effect.gen(function* () {
      const env = { ...whole, FILES_S3_ENDPOINT: "http://127.0.0.1:9000", FILES_S3_ADDRESSING: "virtual" }
      assert.include(yield* sentence(env), "FILES_S3_ADDRESSING is virtual")
      const { addressing } = Option.getOrThrow(yield* read({ ...env, FILES_S3_ADDRESSING: "path" }))
      assert.strictEqual(addressing, "path")
    }))

  it.effect("is refused when a value cannot be right", () =>
    Effect.gen(function* () {
      const wrong = [
        ["FILES_S3_ENDPOINT", "https://canary:secret@objects.example"],
        ["FILES_S3_ENDPOINT", "https://objects.example/canary"],
        ["FILES_S3_ENDPOINT", "canary.example"],
        ["FILES_S3_ENDPOINT", "http://canary.example:90000"],
        ["FILES_S3_BUCKET", "Canary_bucket"],
        ["FILES_S3_BUCKET", "../canary"],
        ["FILES_S3_REGION", "eu west canary"],
        ["FILES_S3_PREFIX", "../canary"],
        ["FILES_S3_PREFIX", "/canary"],
        ["FILES_S3_ADDRESSING", "canary"],
        ["FILES_S3_SECRET_ACCESS_KEY", "canary\nAKID"]
      ] as const
      for (const [name, value] of wrong) {
        assert.match(yield* sentence({ ...whole, [name]: value }), new RegExp(`^${name} is not `))
      }
    }))
})
