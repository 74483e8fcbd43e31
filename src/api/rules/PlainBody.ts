/** Bodies that a fast path reads: whatever does not fit is left to the contract, which says what is wrong. */
import { Option, Schema } from "effect"
import * as JsonBounds from "../../bounds/JsonBounds.ts"

const parseJson = Option.liftThrowable((body: string): unknown => JSON.parse(body))

const utf8 = new TextDecoder()

/** A body by the schema of the contract; none for one that passes a bound, is no UTF-8, or does not fit. */
export const plainBody = <S extends Schema.Codec<unknown, unknown>>(
  schema: S
): (body: Uint8Array) => Option.Option<S["Type"]> => {
  const decode = Schema.decodeUnknownOption(schema)
  return (body) => {
    if (JsonBounds.check(body, JsonBounds.bounds) !== undefined) return Option.none()
    const text = utf8.decode(body)
    return text.includes("\ufffd") ? Option.none() : Option.flatMap(parseJson(text), decode)
  }
}
