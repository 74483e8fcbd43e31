/** Requests that once ended a process or held it for long: each is sent before those of chance. */
import { deflateSync } from "node:zlib"
import scan from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import flow from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { chunk, pngOf } from "../support/Pngs.ts"
import { routes } from "./Contract.ts"
import type { FuzzRequest } from "./Requests.ts"

const encoder = new TextEncoder()

const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`

const marked = (body: object, mark: string, text: string): Uint8Array =>
  encoder.encode(JSON.stringify(body).replace(JSON.stringify(mark), () => text))

const metadata = (depth: number) => marked({ ...scan, scan_metadata: "here" }, "here", deep(depth))

/** As a text in JSON: QR data is JSON in a string. */
const code = (depth: number) =>
  encoder.encode(JSON.stringify({ ...scan, ticket_code: undefined, qr_data: deep(depth) }))

const guests = (count: number) =>
  marked({ ...flow, guests: "here" }, "here", `[${Array(count).fill("{}").join(",")}]`)

const scans = (count: number) => encoder.encode(`{"scans":[${Array(count).fill("{}").join(",")}]}`)

const text = (length: number) =>
  Buffer.concat([Buffer.from("a\0\0", "latin1"), deflateSync(Buffer.alloc(length))])

const cases: ReadonlyArray<readonly [route: string, bytes: Uint8Array, more?: Partial<FuzzRequest>]> = [
  ...[6_000, 100_000, 400_000].map((depth) => ["core POST /api/scans/validate", metadata(depth)] as const),
  ...[1_000, 2_000].map((depth) => ["core POST /api/scans/validate", code(depth)] as const),
  ...[10_001, 900_000].map((count) => ["core POST /api/orchestration/complete-flow", guests(count)] as const),
  ...[5_001, 100_000, 2_000_000].map((count) => ["core POST /api/scans/batch", scans(count)] as const),
  ["core PUT /api/templates/:template_id/logo", pngOf({ before: [chunk("zTXt", text(500_000))] })],
  ["core PUT /api/templates/:template_id/logo", pngOf({ before: [chunk("zTXt", text(90_000_000))] })],
  [
    "core PUT /api/templates/:template_id/logo",
    pngOf({ header: { width: 1_400, height: 1_400, depth: 16, colourType: 6, interlace: 1 } })
  ],
  ["core PUT /api/templates/:template_id/logo", pngOf({ header: { width: 2_000_000, height: 1 } })],
  [
    "core POST /api/orchestration/complete-flow",
    encoder.encode(JSON.stringify(flow)),
    {
      url: `/api/orchestration/complete-flow?${"/".repeat(15_000)}x`,
      headers: { "content-type": "application/json", "idempotency-key": "slashes" }
    }
  ]
]

/** All of them, with this token, with and without their length. */
export const reported = (token: string): ReadonlyArray<FuzzRequest> =>
  cases.flatMap(([name, bytes, more]) => {
    const route = routes.find((one) => one.name === name)
    if (route === undefined) throw new Error(`${name} is no route`)
    return [false, true].map((chunked) => ({
      route,
      kind: "reported",
      url: route.path.replace(":template_id", "1"),
      bytes,
      chunked,
      ...more,
      headers: { "content-type": route.contentType, ...more?.headers, authorization: `Bearer ${token}` }
    }))
  })
