/**
 * Values of a schema, at the boundaries where a rule may turn: each case of a literal, none and some, small numbers, a
 * moment just before, at and after a given one. The schema itself is walked, so a field that is added is generated too.
 */
import { DateTime, Schema } from "effect"
import type { AST } from "effect/SchemaAST"
import * as fc from "fast-check"

const texts = ["", "A", "B", "VIP"]
const numbers = [0, 1, 2, 3, 60, 3_600]

/** Moments around this one, in milliseconds. */
const steps = [-3_600_000, -1, 0, 1, 3_600_000]

const from = (ast: AST, candidates: ReadonlyArray<unknown>): fc.Arbitrary<unknown> => {
  const fits = candidates.filter(Schema.is(Schema.make<Schema.Schema<unknown>>(ast)))
  if (fits.length === 0) throw new Error(`No boundary value fits ${ast._tag}: add one to BoundaryValues`)
  return fc.constantFrom(...fits)
}

const walk = (ast: AST, now: DateTime.Utc): fc.Arbitrary<unknown> => {
  switch (ast._tag) {
    case "Literal":
      return fc.constant(ast.literal)
    case "Null":
      return fc.constant(null)
    case "Boolean":
      return fc.boolean()
    case "String":
      return from(ast, texts)
    case "Number":
      return from(ast, numbers)
    case "Union":
      return fc.oneof(...ast.types.map((one) => walk(one, now)))
    case "Arrays":
      return fc.array(fc.oneof(...ast.rest.map((one) => walk(one, now))), { maxLength: 3 })
    case "Objects":
      return fc.record(
        Object.fromEntries(ast.propertySignatures.map(({ name, type }) => [name, walk(type, now)]))
      )
    default:
      return from(ast, [...steps.map((millis) => DateTime.add(now, { milliseconds: millis })), {}])
  }
}

/** Every field at its boundaries; `now` is the moment around which times lie. */
export const boundaryValues = <A>(schema: Schema.Schema<A>, now: DateTime.Utc): fc.Arbitrary<A> =>
  walk(Schema.toType(schema).ast, now) as fc.Arbitrary<A>
