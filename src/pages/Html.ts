/** HTML documents of ours: escaped text, one skeleton, and headers that let nothing in from elsewhere. */
import { HttpServerResponse } from "effect/http"
import { createHash } from "node:crypto"
import type { Locale } from "../../rpc/values/Values.ts"
import type { PageStart } from "./PageAssets.ts"

/** HTML that is safe to put into a document: made by `template` and `raw` alone. */
export interface Html {
  readonly markup: string
}

/** Markup of ours, taken as it is. */
export const raw = (markup: string): Html => ({ markup })

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character]!)

type Part = string | number | Html | null | ReadonlyArray<Html>

const markupOf = (part: Part): string =>
  part === null
    ? ""
    : typeof part === "object"
    ? ("markup" in part ? part.markup : part.map(({ markup }) => markup).join(""))
    : escaped(String(part))

/** A template of HTML: what is put in is escaped unless it is HTML already; null is nothing. */
export const template = (texts: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html =>
  raw(texts.reduce((markup, text, at) => `${markup}${markupOf(parts[at - 1] ?? null)}${text}`))

/** The design of pages that work without any script; the built pages have the same in `web/design.css`. */
const style = `
:root{color-scheme:light dark;--ink:#14181f;--soft:#5a6372;--paper:#fff;--raised:#f3f5f8;--line:#d9dee6;--brand:#3b2ad9;--on-brand:#fff;--good:#0b7a3b;--bad:#b3121d;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;line-height:1.5}
@media(prefers-color-scheme:dark){:root{--ink:#eef1f6;--soft:#a7b0bf;--paper:#0f1216;--raised:#1a1f26;--line:#2d3440;--brand:#a89dff;--on-brand:#120b45;--good:#4cd388;--bad:#ff8087}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);overflow-wrap:anywhere}
main{max-width:44rem;margin:0 auto;padding:1.5rem 1rem 3rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .5rem;letter-spacing:-.01em}
h2{font-size:1.1rem;margin:2rem 0 .5rem}
p{margin:0 0 .75rem}
a{color:var(--brand)}
.soft{color:var(--soft)}
.card{background:var(--raised);border:1px solid var(--line);border-radius:14px;padding:1rem}
.links{list-style:none;margin:0;padding:0;display:grid;gap:.75rem}
.links a{font-weight:600}
.links span{display:block;color:var(--soft)}
.button{display:inline-flex;align-items:center;min-height:3rem;padding:.5rem 1.25rem;border-radius:14px;background:var(--brand);color:var(--on-brand);font-weight:600;text-decoration:none;margin:0 .5rem .5rem 0}
.button.plain{background:var(--raised);color:var(--ink);border:1px solid var(--line)}
:focus-visible{outline:3px solid var(--brand);outline-offset:2px}
.qr{background:#fff;border-radius:14px;padding:1rem;margin:1rem auto;width:min(100%,24rem);color:#14181f;text-align:center}
.qr svg{display:block;width:100%;height:auto}
.qr code{font-size:1.05rem;font-family:ui-monospace,monospace;letter-spacing:.03em}
.state{font-weight:700;border-radius:14px;padding:.75rem 1rem;border:2px solid currentColor;margin:1rem 0}
.good{color:var(--good)}.bad{color:var(--bad)}
dl{display:grid;grid-template-columns:auto 1fr;gap:.35rem 1rem;margin:1rem 0}
dt{color:var(--soft)}dd{margin:0;font-weight:600}
footer{margin-top:2.5rem;color:var(--soft);font-size:.9rem}
`.trim()

const styleSource = `'sha256-${createHash("sha256").update(style).digest("base64")}'`

/** Whether a page has scripts of ours, and whether these compile WebAssembly (the reader of QR codes). */
type Scripts = "none" | "own" | "own and wasm"

const scriptSources: Readonly<Record<Scripts, string>> = {
  none: "'none'",
  own: "'self'",
  "own and wasm": "'self' 'wasm-unsafe-eval'"
}

const policy = (scripts: Scripts): string =>
  [
    "default-src 'none'",
    `script-src ${scriptSources[scripts]}`,
    `style-src 'self' ${styleSource}`,
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'"
  ].join("; ")

export interface Page {
  readonly locale: Locale
  readonly title: string
  readonly body: Html
  readonly scripts: Scripts
  /** What a built page begins with; a page that the server writes has the style above. */
  readonly start?: PageStart | undefined
  readonly head?: Html
  readonly status?: number
}

const assets = "/assets/"

const styleOf = (start: PageStart | undefined, own: boolean): Html =>
  own
    ? raw(`<style>${style}</style>`)
    : start?.style === null || start?.style === undefined
    ? raw("")
    : template`<link rel="stylesheet" href="${assets}${start.style}">`

const scriptOf = (start: PageStart | undefined): Html =>
  start === undefined
    ? raw("")
    : template`${
      start.early.map((name) => template`<link rel="modulepreload" href="${assets}${name}">`)
    }<script type="module" src="${assets}${start.script}"></script>`

/** The document as an answer; `written` says that the server wrote its body. */
export const document = (page: Page, written: boolean): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(
    template`<!doctype html>
<html lang="${page.locale}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${page.title}</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
${styleOf(page.start, written)}
${page.head ?? null}
${scriptOf(page.start)}
</head>
<body>
${page.body}
</body>
</html>
`.markup,
    {
      status: page.status ?? 200,
      contentType: "text/html; charset=utf-8",
      headers: {
        "cache-control": "no-store",
        "content-security-policy": policy(page.scripts),
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=()",
        "referrer-policy": "no-referrer",
        vary: "accept-language"
      }
    }
  )
