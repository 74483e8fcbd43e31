/** The plan of the house: who may import whom. A folder imports what its floor stands on, never what stands on it. */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import { fileURLToPath } from "node:url"

/**
 * The rooms, from the ground up: every folder, and the files that stand alone in `src/`. A file may import its own room
 * and every room named before it. To add a room, put it right after the last room that it imports.
 */
const floors = [
  "migrations/0001-0010",
  "migrations/0011-0020",
  "migrations/0021-0030",
  "migrations/0031-0040",
  "rpc/values",
  "rpc/payments",
  "rpc",
  "src/telemetry/metrics",
  "src/bounds",
  "src/print/qr",
  "src/print/text",
  "src/print/pdf",
  "src/print/invoices",
  "src/print/tickets",
  "src/FastPath.ts",
  "src/server",
  "src/Platform.ts",
  "src/PortRefused.ts",
  "src/database",
  "src/telemetry",
  "src/durable",
  "src/http",
  "src/files",
  "src/images",
  "src/trust",
  "src/cluster/mailbox",
  "src/cluster/journal",
  "src/cluster/runners",
  "src/cluster",
  "src/store",
  "src/store/retention",
  "src/limits",
  "src/store/payments",
  "src/store/flows",
  "src/store/gate",
  "src/store/tickets",
  "src/store/jobs",
  "src/store/notifications",
  "src/gate/reading",
  "src/gate",
  "src/gate/offline",
  "src/services/scans",
  "src/services/generator",
  "src/services/notifications/templates",
  "src/services/notifications/feedback",
  "src/services/notifications",
  "src/services/payments/contract",
  "src/services/payments/stripe",
  "src/services/payments/sandbox",
  "src/services/payments",
  "src/notifications",
  "src/tickets",
  "src/payments/invoices",
  "src/payments",
  "src/flows",
  "src/redelivery",
  "entities",
  "src/api/rules",
  "src/api/events",
  "src/api/flows",
  "src/api/gate",
  "src/api/notifications",
  "src/api/payments",
  "src/api/tickets",
  "src/api/tokens",
  "src/api/webhooks",
  "src/api",
  "src/pages",
  "src/app",
  "src/cli/demo",
  "src/cli",
  "src/main.ts"
] as const

/** More files than this in one folder are two ideas. */
const crowded = 18

const root = fileURLToPath(new URL("..", import.meta.url))

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith(".ts") && statSync(join(root, path)).isFile())

const files = ["migrations", "rpc", "entities", "src"].flatMap(filesBelow)

const floorOf = (path: string): number => floors.findIndex((room) => room === path || room === dirname(path))

/** Static imports, type imports, `import(…)` and programs of threads: everything that one file needs of another. */
const importsOf = (path: string): ReadonlyArray<string> =>
  [
    ...readFileSync(join(root, path), "utf8").matchAll(
      /(?:\bfrom\s+|\bimport\s*\(?\s*|new URL\(\s*)"(\.{1,2}\/[^"]+\.ts)"/g
    )
  ].map(([, target = ""]) => relative(root, normalize(join(root, dirname(path), target))))

const imports = new Map(files.map((path) => [path, importsOf(path)]))

/** The first circle that is reached from a file, or none. */
const circleFrom = (start: string): ReadonlyArray<string> => {
  const done = new Set<string>()
  const visit = (path: string, way: ReadonlyArray<string>): ReadonlyArray<string> => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
    if (done.has(path)) return []
    for (const target of imports.get(path) ?? []) {
      const circle = visit(target, [...way, path])
      if (circle.length > 0) return circle
    }
    done.add(path)
    return []
  }
  return visit(start, [])
}

describe("the house", () => {
  it("has a floor for every file", () => {
    assert.deepStrictEqual(files.filter((path) => floorOf(path) < 0), [])
  })

  it("has no import that runs from a lower floor to a higher one", () => {
    const upwards = [...imports].flatMap(([path, targets]) =>
      targets.filter((target) => floorOf(target) > floorOf(path)).map((target) =>
        `${path} (${floors[floorOf(path)]}) must not import ${target} (${floors[floorOf(target)]})`
      )
    )
    assert.deepStrictEqual(upwards, [])
  })

  it("has no circle among files", () => {
    assert.deepStrictEqual(files.flatMap((path) => circleFrom(path).join(" -> ") || []), [])
  })

  it("has no folder of two ideas", () => {
    const counts = Map.groupBy(files, dirname)
    assert.deepStrictEqual(
      [...counts].filter(([, inside]) => inside.length > crowded).map((
        [folder, inside]
      ) => `${folder} has ${inside.length} files`),
      []
    )
  })

  it("says of every event whether it means an organiser's number or our key", () => {
    const plain =
      /\breadonly event_?[iI]d\??: number\b|\(event_?[iI]d: number\b|\bevent_?[iI]d: Schema\.Int\b/
    const unclear = files.filter((path) =>
      !path.startsWith("migrations/") &&
      plain.test(readFileSync(join(root, path), "utf8"))
    )
    assert.deepStrictEqual(unclear, [])
  })

  it("knows its contracts by what they import: rpc is made of rpc alone", () => {
    const strangers = [...imports].filter(([path]) => path.startsWith("rpc/"))
      .flatMap(([path, targets]) =>
        targets.filter((target) => !target.startsWith("rpc/")).map((target) => `${path}: ${target}`)
      )
    assert.deepStrictEqual(strangers, [])
  })
})
