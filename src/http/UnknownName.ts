/** What is said of a member or a parameter that nobody reads: the names that are, the nearest of them first in mind. */
import type { SchemaAST, SchemaIssue } from "effect"

const refusal = "Nothing of this name is read here; known are: "

/** Longer names are compared with nothing: no name of ours has more. */
const longest = 40

const namesOf = (ast: SchemaAST.AST): ReadonlyArray<string> =>
  ast._tag === "Objects" ? ast.propertySignatures.map(({ name }) => String(name)) : []

/** The names that are read in its place. */
export const unknownName = ({ ast }: SchemaIssue.UnexpectedKey): string => refusal + namesOf(ast).join(", ")

/** How many letters must change to make one of the other (Levenshtein). */
const distance = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at)
  for (let line = 1; line <= one.length; line++) {
    const next = [line]
    for (let at = 1; at <= other.length; at++) {
      const kept = row[at - 1]! + (one[line - 1] === other[at - 1] ? 0 : 1)
      next.push(Math.min(kept, row[at]! + 1, next[at - 1]! + 1))
    }
    row = next
  }
  return row.at(-1)!
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "")

/** The name that was probably meant: at most a third of its letters are others, or one begins as the other does. */
const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const given = plain(name)
  if (given === "" || name.length > longest) return undefined
  return known
    .map((one) => ({ one, far: distance(given, plain(one)) }))
    .filter(({ far, one }) => far * 3 <= one.length || (given.length > 3 && plain(one).startsWith(given)))
    .sort((one, other) => one.far - other.far)[0]?.one
}

/** A message of `unknownName` about this name, with the name that was probably meant; any other message as it is. */
export const suggested = (message: string, name: string): string => {
  if (!message.startsWith(refusal)) return message
  const meant = nearest(name, message.slice(refusal.length).split(", "))
  return meant === undefined ? message : `Nothing of this name is read here; did you mean ${meant}?`
}
