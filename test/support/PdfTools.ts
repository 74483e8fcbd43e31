/** Other people's tools that judge our files; a test that needs an absent one is skipped aloud. */
import { assert } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import process from "node:process"

/** The tools these tests know. */
export type Tool = "pdftotext" | "pdftoppm" | "pdfinfo" | "qpdf" | "zbarimg"

const installed = (tool: Tool): boolean =>
  spawnSync(tool, ["--version"], { stdio: "ignore" }).error === undefined

/** True when every tool is installed; otherwise one line says what is skipped for want of which. */
export const has = (...tools: ReadonlyArray<Tool>): boolean => {
  const absent = tools.filter((tool) => !installed(tool))
  if (absent.length > 0) process.stdout.write(`a test is skipped: ${absent.join(", ")} not installed\n`)
  return absent.length === 0
}

/** Runs a body with an empty directory that is removed afterwards. */
const withDirectory = <A>(body: (directory: string) => A): A => {
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-pdf-"))
  try {
    return body(directory)
  } finally {
    Fs.rmSync(directory, { recursive: true })
  }
}

const run = (tool: Tool, args: ReadonlyArray<string>, silent = true): Buffer => {
  const { status, stdout, stderr } = spawnSync(tool, args, { maxBuffer: 64 * 1024 * 1024 })
  assert.strictEqual(status, 0, `${tool}: ${stderr}`)
  if (silent) assert.strictEqual(stderr.toString(), "", tool)
  return stdout
}

/** The text of a PDF as `pdftotext` reads it. */
export const textOf = (pdf: Uint8Array): string =>
  withDirectory((directory) => {
    Fs.writeFileSync(`${directory}/file.pdf`, pdf)
    return run("pdftotext", ["-layout", `${directory}/file.pdf`, "-"]).toString()
  })

/** A word on a page and the room it takes, in points from the top left. */
export interface PlacedWord {
  readonly text: string
  readonly left: number
  readonly top: number
  readonly right: number
  readonly bottom: number
}

/** The words of a PDF where `pdftotext` sees them. */
export const placedWordsOf = (pdf: Uint8Array): ReadonlyArray<PlacedWord> =>
  withDirectory((directory) => {
    Fs.writeFileSync(`${directory}/file.pdf`, pdf)
    const page = run("pdftotext", ["-bbox", `${directory}/file.pdf`, "-"]).toString()
    const word = /<word xMin="(\S+)" yMin="(\S+)" xMax="(\S+)" yMax="(\S+)">(.*?)<\/word>/g
    return [...page.matchAll(word)].map(([, left, top, right, bottom, text]) => ({
      text: text!,
      left: Number(left),
      top: Number(top),
      right: Number(right),
      bottom: Number(bottom)
    }))
  })

/** What `pdfinfo` says of a PDF. */
export const infoOf = (pdf: Uint8Array): string =>
  withDirectory((directory) => {
    Fs.writeFileSync(`${directory}/file.pdf`, pdf)
    return run("pdfinfo", [`${directory}/file.pdf`]).toString()
  })

/** The text of a tagged PDF by its structure, as a screen reader finds it. */
export const structureOf = (pdf: Uint8Array): string =>
  withDirectory((directory) => {
    Fs.writeFileSync(`${directory}/file.pdf`, pdf)
    return run("pdfinfo", ["-struct-text", `${directory}/file.pdf`]).toString()
  })

/** Fails unless `qpdf --check` has nothing to say. */
export const checkStructure = (pdf: Uint8Array): void =>
  withDirectory((directory) => {
    Fs.writeFileSync(`${directory}/file.pdf`, pdf)
    run("qpdf", ["--check", `${directory}/file.pdf`])
  })

/** Every page of a PDF as a PNG of so many dots an inch. */
export const pagesOf = (pdf: Uint8Array, resolution: number): ReadonlyArray<Uint8Array> =>
  withDirectory((directory) => {
    Fs.writeFileSync(`${directory}/file.pdf`, pdf)
    run("pdftoppm", ["-r", String(resolution), "-png", `${directory}/file.pdf`, `${directory}/page`])
    const pages = Fs.readdirSync(directory).filter((name) => name.endsWith(".png")).sort()
    return pages.map((name) => Fs.readFileSync(`${directory}/${name}`))
  })

/** The first page in grey, as a binary PGM of so many dots an inch. */
export const greyPageOf = (pdf: Uint8Array, resolution: number): Uint8Array =>
  withDirectory((directory) => {
    Fs.writeFileSync(`${directory}/file.pdf`, pdf)
    run("pdftoppm", [
      "-r",
      String(resolution),
      "-gray",
      "-f",
      "1",
      "-singlefile",
      `${directory}/file.pdf`,
      `${directory}/p`
    ])
    return Fs.readFileSync(`${directory}/p.pgm`)
  })

/**
 * The QR codes in an image, as `zbarimg` reads them; it complains about a bus, so its stderr is not judged.
 */
export const codesIn = (image: Uint8Array): ReadonlyArray<string> =>
  withDirectory((directory) => {
    Fs.writeFileSync(`${directory}/image.png`, image)
    const text = run(
      "zbarimg",
      ["-q", "--raw", "-Sdisable", "-Sqrcode.enable", `${directory}/image.png`],
      false
    )
    return text.toString().split("\n").filter((line) => line !== "")
  })
