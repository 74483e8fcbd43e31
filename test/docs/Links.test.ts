/**
 * What the documents name is there: each relative link and its heading, each path of this repository, each file that is
 * called by its name, each task and script.
 */
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

const text = (path: string): string => readFileSync(join(root, path), "utf8")

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name))

const folders = [".ci", "bench", "bin", "docs", "entities", "migrations", "rpc", "src", "test"]

const files = [...readdirSync(root), ...folders.flatMap(filesBelow)]

const names = new Set(files.map((path) => basename(path)))

const documents = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "bench/README.md"]
  .concat(filesBelow("docs").filter((path) => path.endsWith(".md")))

/** What each document has that this finds, as `document: what was found`, where it is not right. */
const wrong = (
  pattern: RegExp,
  isRight: (found: string, document: string) => boolean
): ReadonlyArray<string> =>
  documents.flatMap((document) =>
    [...text(document).matchAll(pattern)]
      .flatMap(([, found = ""]) => isRight(found, document) ? [] : [`${document}: ${found}`])
  )

/** A heading's anchor: its letters and digits in lower case, with a hyphen for each space. */
const anchorsOf = (document: string): ReadonlyArray<string> =>
  [...text(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading.toLowerCase().replaceAll(/[^\p{L}\p{N} -]/gu, "").replaceAll(" ", "-")
  )

const isLinked = (link: string, document: string): boolean => {
  if (/^[a-z]+:/.test(link)) return true
  const [path = "", anchor] = link.split("#")
  const target = path === "" ? document : normalize(join(dirname(document), path))
  return existsSync(join(root, target)) && (anchor === undefined || anchorsOf(target).includes(anchor))
}

/** A path that begins with a folder of ours; a closing `/`, a `.` of the sentence and a heading's anchor aside. */
const paths = new RegExp(`(?<![\\w./:-])((?:${folders.join("|").replaceAll(".", "\\.")})/[\\w./-]*\\w)`, "g")

const jsonOf = (path: string, key: "tasks" | "scripts"): ReadonlyArray<string> =>
  Object.keys((JSON.parse(text(path)) as Partial<Record<typeof key, object>>)[key] ?? {})

describe("the documents", () => {
  it("link to files and headings that are there", () => {
    assert.deepStrictEqual(wrong(/(?:\]\(|src=")([^)"\s]+)/g, isLinked), [])
  })

  it("name paths that are there", () => {
    assert.deepStrictEqual(wrong(paths, (path) => existsSync(join(root, path))), [])
  })

  it("call files by names that they have", () => {
    assert.deepStrictEqual(wrong(/`([A-Za-z][\w.]*\.(?:ts|md|mjs))`/g, (name) => names.has(name)), [])
  })

  it("name tasks and scripts that there are", () => {
    assert.deepStrictEqual(
      wrong(/\btask ([a-z]+(?::[a-z]+)?)\b/g, (name) => jsonOf("deno.json", "tasks").includes(name)),
      []
    )
    assert.deepStrictEqual(
      wrong(/\bnpm run ([a-z]+)\b/g, (name) => jsonOf("package.json", "scripts").includes(name)),
      []
    )
  })
})
