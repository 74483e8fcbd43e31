/** The built pages (`web/build.ts`): scripts and styles by their address, read once, and what each page begins with. */
import { Context, Effect, FileSystem, Layer, Option, Schema } from "effect"
import { fileURLToPath } from "node:url"

/** One file, as it is and compressed; a browser is sent the smallest form that it takes. */
export interface Asset {
  readonly contentType: string
  readonly bytes: Uint8Array
  readonly gzip: Uint8Array
  readonly brotli: Uint8Array
}

/** Names of the files that a page loads first. */
const PageStart = Schema.Struct({
  script: Schema.String,
  style: Schema.NullOr(Schema.String),
  early: Schema.Array(Schema.String)
})
export type PageStart = typeof PageStart.Type

const Pages = Schema.Struct({ gate: PageStart, board: PageStart, ticket: PageStart })
type Pages = typeof Pages.Type

/** The pages that have scripts. */
export type PageName = keyof Pages

/** Where `web/build.ts` leaves what it built. */
const dist = fileURLToPath(new URL("../../web/dist/", import.meta.url))

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  wasm: "application/wasm"
}

interface Built {
  readonly pages: Pages
  readonly assets: ReadonlyMap<string, Asset>
}

const read = (folder: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const pages = yield* Effect.flatMap(
      fs.readFileString(`${folder}pages.json`),
      Schema.decodeEffect(Schema.fromJsonString(Pages))
    )
    const assets = new Map<string, Asset>()
    for (const name of yield* fs.readDirectory(folder)) {
      const contentType = types[name.slice(name.lastIndexOf(".") + 1)]
      if (contentType === undefined) continue
      const [bytes, gzip, brotli] = yield* Effect.all(
        ["", ".gz", ".br"].map((ending) => fs.readFile(`${folder}${name}${ending}`))
      )
      assets.set(name, { contentType, bytes: bytes!, gzip: gzip!, brotli: brotli! })
    }
    return { pages, assets } satisfies Built
  })

/** What was built; none in an installation whose pages were not. */
export class PageAssets extends Context.Service<PageAssets, {
  readonly start: (page: PageName) => Option.Option<PageStart>
  readonly get: (name: string) => Asset | undefined
}>()("guichet/pages/PageAssets") {
  static readonly layer = (folder: string = dist): Layer.Layer<PageAssets, never, FileSystem.FileSystem> =>
    Layer.effect(
      PageAssets,
      Effect.map(Effect.option(read(folder)), (built) =>
        PageAssets.of({
          start: (page) => Option.map(built, ({ pages }) => pages[page]),
          get: (name) => Option.isSome(built) ? built.value.assets.get(name) : undefined
        }))
    )
}
