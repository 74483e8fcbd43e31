/**
 * Every regular expression of the sources, on the strings that are worst for it: repetitions of what it mentions, in ones
 * and twos, behind what it begins with, with an end that fails. One that is not linear takes more than its time. Guards
 * whose removal turns this file red: `trimEnd`, wherever an expression would stand in its place.
 */
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Linear ones take well under a millisecond for so many characters; a quadratic one over a hundred. */
const characters = 8_000
const allowedMillis = 20

interface Found {
  readonly place: string
  readonly expression: RegExp
}

/** A literal stands where a value may begin: after one of these. */
const literal =
  /(?:[(,=:?[{}!&|;>]|\breturn)\s*(\/(?![/*])(?:[^\\/[\n]|\\.|\[(?:[^\\\]\n]|\\.)*\])+\/[dgimsuvy]*)(?=[\s.,;)\]}:]|$)/g
const constructed = /new RegExp\(\s*`((?:[^`\\]|\\.)*)`/g

const withoutComments = (source: string): string =>
  source.replace(/\/\*\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, " ")).replace(
    /^\s*\/\/.*$/gm,
    ""
  )

/** What `${name}` stands for: a text of the same file, or any word. */
const filled = (template: string, source: string): string =>
  template.replace(
    /\$\{([^}]*)\}/g,
    (_, name: string) => new RegExp(`const ${name} = "([^"\n]*)"`).exec(source)?.[1] ?? "word"
  ).replaceAll("\\\\", "\\")

const compile = (literal: string): RegExp => {
  const end = literal.lastIndexOf("/")
  return new RegExp(literal.slice(1, end), literal.slice(end + 1).replace(/[gy]/g, ""))
}

const expressionsOf = (path: string): ReadonlyArray<Found> => {
  const source = withoutComments(readFileSync(join(root, path), "utf8"))
  const lineOf = (at: number) => source.slice(0, at).split("\n").length
  return [
    ...[...source.matchAll(literal)].map((match) => ({
      place: `${path}:${lineOf(match.index)} ${match[1]}`,
      expression: compile(match[1]!)
    })),
    ...[...source.matchAll(constructed)].map((match) => ({
      place: `${path}:${lineOf(match.index)} new RegExp`,
      expression: new RegExp(filled(match[1]!, source), "u")
    }))
  ]
}

/** The command line reads what its own user writes. */
const files = ["rpc", "entities", "src"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name))
).filter((path) => path.endsWith(".ts") && !path.startsWith("src/cli/"))

const found = files.flatMap(expressionsOf)

/** Characters that the expression may be about: its own, and one of each usual class. */
const alphabetOf = ({ source }: RegExp): ReadonlyArray<string> => {
  const own = source.replace(/\\p\{[^}]*\}|\\u\{?[0-9a-fA-F]+\}?|\\x[0-9a-fA-F]{2}|\\[a-zA-Z]/g, "").replace(
    /[\\^$|?*+(){}[\]]/g,
    ""
  )
  return [...new Set([..."aA0 \n/-.,", ...own])].slice(0, 24)
}

/** What a text begins with that comes past the expression's anchors. */
const beginningsOf = ({ source }: RegExp): ReadonlyArray<string> => {
  const runs = source.replace(/\\([^a-zA-Z])/g, "$1").match(/[A-Za-z0-9:/@=_.#+ -]{2,}/g) ?? []
  return [...new Set(["", "a", "a@", "a@a.", "a/", "1 ", "#", "<", "https://", ...runs])].slice(0, 14)
}

const hostile = (expression: RegExp): ReadonlyArray<string> => {
  const alphabet = alphabetOf(expression)
  const units = [...alphabet, ...alphabet.flatMap((one) => alphabet.map((other) => one + other))]
  const repeated = units.map((unit) => unit.repeat(Math.ceil(characters / unit.length)))
  const beginnings = beginningsOf(expression)
  return repeated.flatMap((text, at) =>
    (at < alphabet.length ? beginnings : ["", beginnings[at % beginnings.length]!]).map((start) =>
      `${start}${text}\u0001`
    )
  )
}

const millisOf = (expression: RegExp, text: string): number => {
  const began = performance.now()
  expression.test(text)
  return performance.now() - began
}

/** The least of three, since other work of the machine counts too. */
const isSlow = (expression: RegExp, text: string): boolean =>
  millisOf(expression, text) > allowedMillis && millisOf(expression, text) > allowedMillis &&
  millisOf(expression, text) > allowedMillis

describe("the regular expressions", () => {
  it("are found, in literals and in constructors", () => {
    assert.isAbove(found.length, 80)
    assert.isTrue(found.some(({ place }) => place.includes("new RegExp")))
    assert.isTrue(isSlow(/\/+$/, `${"/".repeat(2 * characters)}x`), "a quadratic one is slow")
  })

  it("take linear time on their worst strings", () => {
    const slow = found.flatMap(({ expression, place }) => {
      const text = hostile(expression).find((text) => isSlow(expression, text))
      return text === undefined ? [] : [`${place} on ${JSON.stringify(text.slice(0, 40))}…`]
    })
    assert.deepStrictEqual(slow, [])
  }, 120_000)
})
