/** A loopback server that plays api.stripe.com: it answers by script and keeps what it was asked. */
import { Effect } from "effect"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

/** One request as Stripe received it; `form` is the decoded body. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly key: string | undefined
  readonly authorization: string | undefined
  readonly form: Readonly<Record<string, string>>
}

/** An answer of the script. */
export interface Answer {
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Starts the server on a free port until the scope closes; `answer` sees all that was asked so far. */
export const fakeStripe = (answer: (asked: ReadonlyArray<Asked>) => Answer) =>
  Effect.acquireRelease(
    Effect.promise(() => {
      const asked: Array<Asked> = []
      const server = createServer((request, response) => {
        const chunks: Array<Buffer> = []
        request.on("data", (chunk: Buffer) => chunks.push(chunk))
        request.on("end", () => {
          asked.push({
            method: request.method ?? "",
            path: request.url ?? "",
            key: request.headers["idempotency-key"] as string | undefined,
            authorization: request.headers.authorization,
            form: Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()))
          })
          const { body, headers, status } = answer(asked)
          response.writeHead(status, {
            "content-type": "application/json",
            "request-id": `req_${asked.length}`,
            ...headers
          })
          response.end(JSON.stringify(body))
        })
      })
      return new Promise<{ asked: Array<Asked>; port: number; server: typeof server }>((resolve) =>
        server.listen(0, "127.0.0.1", () =>
          resolve({ asked, port: (server.address() as AddressInfo).port, server }))
      )
    }),
    ({ server }) =>
      Effect.promise(() => {
        server.closeAllConnections()
        return new Promise((resolve) =>
          server.close(resolve)
        )
      })
  )

/** A payment intent as Stripe answers it. */
export const paymentIntent = (overrides: object = {}) => ({
  id: "pi_123",
  object: "payment_intent",
  amount: 9999,
  currency: "eur",
  status: "succeeded",
  client_secret: "pi_123_secret_abc",
  payment_method_types: ["card"],
  latest_charge: null,
  ...overrides
})

/** A failure as Stripe answers it. */
export const failure = (status: number, error: object): Answer => ({
  status,
  body: { error: { message: "no", ...error } }
})
