/** An object store for tests: checks every signature, keeps objects in memory, and misbehaves when told. */
import { Clock, Effect, Layer, Redacted, type Scope } from "effect"
import { HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import type { S3Bucket } from "../../src/files/S3Bucket.ts"
import { type Asked, refusal } from "./SigV4.ts"

/** What befalls the next request: a status, no answer, a broken connection, or a bit that flips on its way out. */
export type Mishap = 301 | 403 | 404 | 429 | 500 | 503 | "hang" | "cut" | "flip"

interface Kept {
  readonly bytes: Uint8Array
  readonly headers: Readonly<Record<string, string>>
}

interface Given {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** The bucket of the peer, and the key that opens it. */
export const bucket: S3Bucket = {
  endpoint: "http://objects.example:9000",
  bucket: "guichet-files",
  region: "eu-west-3",
  prefix: "",
  addressing: "path",
  accessKeyId: Redacted.make("AKIDPEER"),
  secretAccessKey: Redacted.make("the/peer's+secret")
}

const codes: Readonly<Record<number, string>> = {
  301: "PermanentRedirect",
  403: "AccessDenied",
  404: "NoSuchBucket",
  429: "TooManyRequests",
  500: "InternalError",
  503: "SlowDown"
}

const empty = new Uint8Array()

const refused = (status: number, code: string, now: number): Given => ({
  status,
  headers: {
    "content-type": "application/xml",
    "date": new Date(now).toUTCString(),
    ...(status === 503 ? { "retry-after": "3" } : {}),
    ...(status === 301 ? { "x-amz-bucket-region": "us-west-2" } : {})
  },
  body: new TextEncoder().encode(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`)
})

const meta = (headers: Asked["headers"]) =>
  Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith("x-amz-meta-") || name === "content-type")
  )

/** A new peer: `objects` by bucket and key, the requests it saw, and the mishaps that wait for the next ones. */
export const make = () => {
  const objects = new Map<string, Kept>()
  const asked: Array<Asked> = []
  const mishaps: Array<Mishap> = []
  const state = { skew: 0 }

  const objectOf = ({ headers, path }: Asked) => {
    const own = (headers["host"] ?? "").startsWith(`${bucket.bucket}.`)
    return own ? `/${bucket.bucket}${path}` : path
  }

  const served = (request: Asked, now: number): Given => {
    const wrong = refusal(request, {
      accessKeyId: Redacted.value(bucket.accessKeyId),
      secretAccessKey: Redacted.value(bucket.secretAccessKey),
      region: bucket.region,
      now
    })
    if (wrong !== undefined) return refused(...wrong, now)
    const name = objectOf(request)
    if (!name.startsWith(`/${bucket.bucket}/`)) return refused(404, "NoSuchBucket", now)
    const kept = objects.get(name)
    switch (request.method) {
      case "PUT":
        objects.set(name, { bytes: request.body.slice(), headers: meta(request.headers) })
        return { status: 200, headers: {}, body: empty }
      case "DELETE":
        objects.delete(name)
        return { status: 204, headers: {}, body: empty }
      default:
        return kept === undefined
          ? refused(404, "NoSuchKey", now)
          : { status: 200, headers: kept.headers, body: kept.bytes }
    }
  }

  const answer = (request: Asked, clock: number): Given | "hang" | "cut" => {
    asked.push(request)
    const now = clock + state.skew
    const mishap = mishaps.shift()
    if (mishap === "hang" || mishap === "cut") return mishap
    if (typeof mishap === "number") return refused(mishap, codes[mishap] ?? "", now)
    const given = served(request, now)
    const shown = request.method === "HEAD" ? { ...given, body: empty } : given
    return mishap === "flip" ? { ...shown, body: shown.body.map((byte) => byte ^ 1) } : shown
  }

  return { objects, asked, mishaps, state, answer }
}
export type Peer = ReturnType<typeof make>

/** The peer without a network: the clock of the test is its clock. */
export const client = (peer: Peer): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const body = request.body._tag === "Uint8Array" ? request.body.body : empty
        const given = peer.answer({
          method: request.method,
          path: url.pathname,
          query: url.search.slice(1),
          headers: { ...request.headers, host: url.host },
          body
        }, now)
        if (given === "hang") return Effect.never
        if (given === "cut") {
          const reason = new HttpClientError.TransportError({ request, cause: new Error("connection reset") })
          return Effect.fail(new HttpClientError.HttpClientError({ reason }))
        }
        const bare = given.status === 204 || request.method === "HEAD"
        return Effect.succeed(HttpClientResponse.fromWeb(
          request,
          new Response(bare ? null : new Uint8Array(given.body), {
            status: given.status,
            headers: { ...given.headers }
          })
        ))
      })
    )
  )

const bodyOf = async (message: IncomingMessage) => {
  const chunks: Array<Uint8Array> = []
  for await (const chunk of message) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}

/** The peer on a free port of the loopback interface; its origin. */
export const serve = (peer: Peer): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer(async (message, response) => {
        const url = new URL(message.url ?? "/", "http://localhost")
        const headers = Object.fromEntries(
          Object.entries(message.headers).map(([name, value]) => [name, String(value)])
        )
        const asked = {
          method: message.method ?? "",
          path: url.pathname,
          query: url.search.slice(1),
          headers,
          body: await bodyOf(message)
        }
        const given = peer.answer(asked, Date.now())
        if (given === "hang") return
        if (given === "cut") return void response.destroy()
        response.writeHead(given.status, given.headers)
        response.end(given.body)
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      return server
    }),
    (server) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))
