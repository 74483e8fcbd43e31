/** What is installed: the same versions for Deno and for npm, from no registry in particular, by a pinned runtime. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

const text = (path: string): string => readFileSync(join(root, path), "utf8")

interface NpmLock {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>
}

const npm: NpmLock = JSON.parse(text("package-lock.json"))
const deno: { readonly npm: Readonly<Record<string, unknown>> } = JSON.parse(text("deno.lock"))

/** `name@version`, without the peers that deno.lock puts behind it. */
const ofDeno = new Set(Object.keys(deno.npm).map((key) => /^@?[^@]+@[^_]+/.exec(key)?.[0]))

const documents = readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".md"))
  .map((name) => join("docs", name))

describe("what is installed", () => {
  it("has the same versions in both locks: deno task lock writes them", () => {
    const others = Object.entries(npm.packages).flatMap(([path, { version }]) =>
      path === "" ? [] : [`${path.slice(path.lastIndexOf("node_modules/") + 13)}@${version}`]
    ).filter((one) => !ofDeno.has(one))
    assert.deepStrictEqual(others, [])
  })

  it("names no registry", () => {
    assert.notInclude(text("package-lock.json"), '"resolved"')
    assert.notMatch(text("deno.lock"), /https?:/)
  })

  it("runs on the Deno of .tool-versions, wherever a text names one", () => {
    const pinned = /^deno (.+)$/m.exec(text(".tool-versions"))?.[1]
    const named = ["README.md", "bin/guichet.mjs", ...documents].flatMap((path) =>
      [...text(path).matchAll(/npx -y deno(@[\d.]+)?/g)].map(([, version]) => `${path}: deno${version ?? ""}`)
    )
    assert.isAbove(named.length, 0)
    assert.deepStrictEqual(named.filter((one) => !one.endsWith(`: deno@${pinned}`)), [])
  })
})
