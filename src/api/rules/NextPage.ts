/** Lists in pages: the place where the next one begins, and its address. */
import { Effect, Schema, SchemaGetter } from "effect"
import { HttpServerRequest } from "effect/http"

/** Lines on a page, unless `limit` says otherwise. */
export const pageSize = 100

const read = (text: string) => /^[1-9]\d{0,15}$/.exec(Buffer.from(text, "base64url").toString("latin1"))?.[0]

/** Before which line a page begins: opaque to clients, and no secret. */
export const Cursor = Schema.String.check(
  Schema.isMaxLength(32),
  Schema.makeFilter((text: string) => read(text) !== undefined || "Expected a next_cursor of this list")
).pipe(
  Schema.decodeTo(Schema.Int, {
    decode: SchemaGetter.transform((text: string) => Number(read(text))),
    encode: SchemaGetter.transform((seq: number) => Buffer.from(String(seq), "latin1").toString("base64url"))
  })
)

const encodeCursor = Schema.encodeSync(Cursor)

/** Which page of a list. */
export const PageQuery = {
  limit: Schema.optionalKey(
    Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 500 }))
  ),
  cursor: Schema.optionalKey(Cursor)
}

/** What comes behind a page: the request that is being answered, with another cursor; null and no `Link` behind the last. */
export const nextPage = Effect.fnUntraced(function* (
  path: string,
  { more, rows }: { readonly more: boolean; readonly rows: ReadonlyArray<{ readonly seq: number }> }
) {
  if (!more) return { next_cursor: null, headers: {} }
  const { url } = yield* HttpServerRequest.HttpServerRequest
  const next_cursor = encodeCursor(rows.at(-1)!.seq)
  const search = new URL(url, "http://localhost").searchParams
  search.set("cursor", next_cursor)
  return { next_cursor, headers: { link: `<${path}?${search}>; rel="next"` } }
})
