/**
 * Writes package-lock.json, which `npm ci` installs from, with the versions that deno.lock has, and without the
 * address of any registry. `deno task lock` runs it after a change of dependencies in package.json.
 */
import { execFileSync } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))
const json = (path) => JSON.parse(readFileSync(path, "utf8"))

/** `@effect/vitest@4.0.5_effect@4.1.0` is `["@effect/vitest", "4.0.5"]`: what follows are the peers. */
const nameAndVersion = (key) => key.match(/^(@?[^@]+)@([^_]+)/).slice(1)

const versions = new Map()
for (const key of Object.keys(json(join(root, "deno.lock")).npm)) {
  const [name, version] = nameAndVersion(key)
  versions.set(name, (versions.get(name) ?? new Set()).add(version))
}

/** A package with several versions is told apart by its major number. */
const overrides = {}
for (const [name, found] of versions) {
  for (const version of found) {
    overrides[found.size === 1 ? name : `${name}@${version.split(".")[0]}`] = version
  }
}

const folder = mkdtempSync(join(tmpdir(), "npm-lock-"))
try {
  cpSync(join(root, ".npmrc"), join(folder, ".npmrc"))
  writeFileSync(
    join(folder, "package.json"),
    JSON.stringify({ ...json(join(root, "package.json")), overrides })
  )
  execFileSync("npm", ["install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"], {
    cwd: folder,
    stdio: "inherit"
  })
  writeFileSync(join(root, "package-lock.json"), readFileSync(join(folder, "package-lock.json")))
} finally {
  rmSync(folder, { recursive: true })
}
