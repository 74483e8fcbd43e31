/**
 * Builds the pages into `web/dist/`: scripts and styles named by their content, each also compressed, and the list of
 * them. `deno task start` and `deno task demo` run it; when nothing has changed it does nothing.
 */
import { build, type BuildOptions, type Metafile } from "esbuild"
import { createHash } from "node:crypto"
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { basename, join, relative } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"

const root = fileURLToPath(new URL("..", import.meta.url))
const web = join(root, "web")
const dist = join(web, "dist")

/** Everything that the pages are made of: when none of it changed, what was built is still good. */
const sources = ["web", "rpc", "src/gate", "src/trust", "src/bounds", "deno.lock"]

const filesBelow = (path: string): ReadonlyArray<string> =>
  !statSync(path).isDirectory() ? [path] : readdirSync(path).filter((name) => name !== "dist").toSorted()
    .flatMap((name) => filesBelow(join(path, name)))

const stateOf = (): string => {
  const hash = createHash("sha256")
  for (
    const file of sources.map((name) => join(root, name)).filter((path) => existsSync(path)).flatMap(
      filesBelow
    )
  ) {
    hash.update(relative(root, file)).update("\0").update(readFileSync(file)).update("\0")
  }
  return hash.digest("base64url")
}

const common: BuildOptions = {
  absWorkingDir: root,
  alias: { "node:crypto": "./web/device/crypto.ts" },
  bundle: true,
  minify: true,
  legalComments: "none",
  target: ["chrome103", "firefox102", "safari15.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
  platform: "browser",
  // zxing-wasm names these for Node, where it is not run.
  external: ["module", "fs", "path", "url"]
}

/** What a page begins with: its own script and style, and the scripts that those import at once. */
const startOf = (metafile: Metafile, name: string) => {
  const found = Object.entries(metafile.outputs)
    .find(([, output]) => output.entryPoint === `web/${name}/main.tsx`)
  if (found === undefined) throw new Error(`The build left out ${name}`)
  const [path, { cssBundle, imports }] = found
  const early = imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => basename(path))
  return { script: basename(path), style: cssBundle === undefined ? null : basename(cssBundle), early }
}

/** What reads QR codes where the browser does not: loaded when it is needed, and kept for when there is no network. */
const readerOf = (metafile: Metafile): ReadonlyArray<string> =>
  Object.entries(metafile.outputs)
    .filter(([path, { entryPoint }]) => path.endsWith(".wasm") || entryPoint?.includes("zxing-wasm") === true)
    .map(([path]) => basename(path))

const compress = (file: string) => {
  const bytes = readFileSync(file)
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }))
  writeFileSync(
    `${file}.br`,
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } })
  )
}

const state = stateOf()
const stamp = join(dist, "state")
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== state) {
  const fresh = `${dist}-${process.pid}`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true })
  const { metafile } = await build({
    ...common,
    entryPoints: { gate: "web/gate/main.tsx", board: "web/board/main.tsx", ticket: "web/ticket/main.tsx" },
    outdir: fresh,
    entryNames: "[name]-[hash]",
    chunkNames: "part-[hash]",
    assetNames: "[name]-[hash]",
    publicPath: "/assets",
    loader: { ".wasm": "file" },
    format: "esm",
    splitting: true,
    metafile: true
  })
  const pages = {
    gate: startOf(metafile, "gate"),
    board: startOf(metafile, "board"),
    ticket: startOf(metafile, "ticket")
  }
  const gateFiles = [pages.gate.script, pages.gate.style, ...pages.gate.early]
  await build({
    ...common,
    entryPoints: { worker: "web/gate/worker.ts" },
    outdir: fresh,
    format: "iife",
    define: {
      BUILD: JSON.stringify(state),
      READER: JSON.stringify(readerOf(metafile).map((name) => `/assets/${name}`)),
      SHELL: JSON.stringify([
        "/gate",
        ...gateFiles.flatMap((name) => name === null ? [] : [`/assets/${name}`])
      ])
    }
  })
  for (const name of readdirSync(fresh)) compress(join(fresh, name))
  writeFileSync(join(fresh, "pages.json"), JSON.stringify(pages))
  writeFileSync(join(fresh, "state"), state)
  rmSync(dist, { recursive: true, force: true })
  renameSync(fresh, dist)
}
