/** `docs/configuration.md` against the code: each variable that is read has its line, and no other. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { bucketVariables } from "../../src/files/S3Bucket.ts"
import { observabilityVariables } from "../../src/telemetry/Observability.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

const text = (path: string): string => readFileSync(join(root, path), "utf8")

const sources = ["rpc", "entities", "src"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name))
  )
  .filter((path) => path.endsWith(".ts"))
  .map(text)

/** Names in the files that read settings: with Effect's `Config`, and nowhere from the environment itself. */
const named = sources
  .filter((source) => /\bConfig\.\w+\(/.test(source))
  .flatMap((source) =>
    [...source.matchAll(/"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|PAYMENTS)"/g)].map(([, name]) => name!)
  )
  .filter((name) => !bucketVariables.includes(`FILES_S3_${name}`))

const read = new Set([...named, ...bucketVariables, ...observabilityVariables])

/** The first column of the table. */
const documented = text("docs/configuration.md").split("\n")
  .filter((line) => line.startsWith("| `"))
  .flatMap((line) => [...line.split("|")[1]!.matchAll(/`([A-Z0-9_]+)`/g)].map(([, name]) => name!))

describe("docs/configuration.md", () => {
  it("has a line for each variable that the code reads, and for no other", () => {
    assert.deepStrictEqual([...documented].sort(), [...read].sort())
  })

  it("is complete because nothing reads the environment but Config", () => {
    assert.deepStrictEqual(sources.filter((source) => /process\.env|Deno\.env/.test(source)), [])
  })
})
