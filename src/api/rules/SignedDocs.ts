/**
 * How the signed routes are described where an integrator reads: their headers, what is signed, and an example with fixed
 * values. `WebhookSignatures` and `ServiceAuth` do what is described here.
 */
import { OpenApi } from "effect/http-api"
import { paymentWebhookExample } from "../../../rpc/payments/PaymentWebhook.ts"
import { allowedSkew } from "../../trust/ServiceSignature.ts"

const time =
  `\`X-Timestamp\` is ISO 8601 with an offset and at most ${allowedSkew} seconds from our clock, ` +
  "before or after: sign each attempt anew, with the time of now. Whatever is wrong is answered 401, without saying what it is."

const rotation =
  "The key is the text of the secret as it is configured (UTF-8), not decoded. While a secret is replaced, " +
  "that in the variable's `…_PREVIOUS` is believed too; several `v1=` separated by commas may be sent, and one must match."

const canonical = `What is signed is six lines, joined by a line feed and without one at the end:

1. the method in capitals: \`POST\`
2. the path with its query, without the host and without a slash at the end of the path
3. \`X-Service-Name\`
4. \`X-Request-ID\`
5. \`X-Timestamp\`, as it is sent
6. the SHA-256 of the body's bytes, in lower-case hexadecimal

The signature is \`v1=\` and the HMAC-SHA256 of that text in lower-case hexadecimal. ${rotation} ${time}`

/** An example: a request as it is sent under a secret. */
const example = (secret: string, request: string, shell: string) => `
Example, under the secret \`${secret}\`:

\`\`\`http
${request}
\`\`\`

The same signature in a shell, of any time \`$t\` and body \`$body\`:

\`\`\`sh
${shell}
\`\`\``

const shellOfText = (path: string, service: string, requestId: string, secret: string) =>
  `digest=$(printf '%s' "$body" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
printf 'POST\\n${path}\\n${service}\\n${requestId}\\n%s\\n%s' "$t" "$digest" |
  openssl dgst -sha256 -hmac '${secret}' -r | cut -d ' ' -f 1`

/** Flow 2. */
export const paymentWebhooks = `Flow 2: what the payment service reports.

Signed in [Stripe's scheme](https://docs.stripe.com/webhooks#verify-manually) under \`PAYMENT_SERVICE_SECRET\`, the secret of the payment service.

| header | value |
| --- | --- |
| \`X-Service-Name\` | \`payment-service\` |
| \`X-Request-ID\` | any id, for tracing: it is not signed, and nothing depends on it |
| \`X-Timestamp\` | the second that \`t\` says |
| \`Stripe-Signature\` | \`t=<Unix seconds>,v1=<signature>\` |

What is signed is \`t\`, a full stop, and the body's bytes as they are sent; the signature is the HMAC-SHA256 of that in lower-case hexadecimal. There is one \`t\`; schemes other than \`v1\` are passed over. ${rotation} ${time}

A delivery may be sent again: it is known by the body's \`webhook_id\`, and gets its first answer.
${
  example(
    "payment-example-secret",
    `POST /api/payment-webhook-routes/
Content-Type: application/json
X-Service-Name: payment-service
X-Request-ID: req_1234567890
X-Timestamp: 2025-06-15T14:30:00Z
Stripe-Signature: t=1749997800,v1=5d261e892e8ced5a1dde8fa1e0dab65220abe87e6c42ba593ef4fc95310fcf84

${paymentWebhookExample}`,
    `printf '%s.%s' "$t" "$body" |
  openssl dgst -sha256 -hmac 'payment-example-secret' -r | cut -d ' ' -f 1`
  )
}

Stripe itself posts to the payment service, at \`/api/webhooks/stripe\` on port 3003: with \`Stripe-Signature\` alone, in the same scheme and within the same time, under \`STRIPE_WEBHOOK_SECRET\`.`

/** Flow 4. */
export const ticketWebhooks = `Flow 4: what the ticket generator reports.

Signed under \`TICKET_GENERATOR_SECRET\`, the secret of the ticket generator.

| header | value |
| --- | --- |
| \`X-Service-Name\` | \`ticket-generator-service\` |
| \`X-Request-ID\` | the id of this delivery, or of the run that it is of |
| \`X-Timestamp\` | when this attempt was signed |
| \`X-Ticket-Service-Signature\` | \`v1=<signature>\` |

${canonical}

A delivery may be sent again, and gets its first answer.
${
  example(
    "ticket-example-secret",
    `POST /api/ticket-webhook-routes/
Content-Type: application/json
X-Service-Name: ticket-generator-service
X-Request-ID: req_ticket_1234567890
X-Timestamp: 2025-06-15T10:25:00Z
X-Ticket-Service-Signature: v1=e6e217f611020f48fc1cd4461b46c3d32c20689befdb34c5c478456047b5ed99

{"event_type":"ticket.failed","ticket_id":"ticket-123456","reason":"The printer is out of ink","generated_at":"2025-06-15T10:25:00Z"}`,
    shellOfText(
      "/api/ticket-webhook-routes",
      "ticket-generator-service",
      "req_ticket_1234567890",
      "ticket-example-secret"
    )
  )
}`

/** Between services. */
export const betweenServices =
  `What the services ask of the core. What the core asks of them, on their own ports, is signed alike.

Each service signs under its own secret; a route answers those services alone that its description names, others 403.

| \`X-Service-Name\` | secret |
| --- | --- |
| \`event-planner-core\` | \`CORE_SERVICE_SECRET\` |
| \`payment-service\` | \`PAYMENT_SERVICE_SECRET\` |
| \`ticket-generator-service\` | \`TICKET_GENERATOR_SECRET\` |
| \`scan-validation-service\` | \`SCAN_VALIDATION_SECRET\` |
| \`notification-service\` | \`NOTIFICATION_SERVICE_SECRET\` |

| header | value |
| --- | --- |
| \`X-Service-Name\` | the service that sends |
| \`X-Request-ID\` | the id of this request |
| \`X-Timestamp\` | when this attempt was signed |
| \`X-Service-Signature\` | \`v1=<signature>\` |

${canonical}

A signed request is answered once. An attempt that is repeated has a time of its own, be it a millisecond later; the same one again is 401.
${
    example(
      "ticket-example-secret",
      `POST /api/internal/print-details
Content-Type: application/json
X-Service-Name: ticket-generator-service
X-Request-ID: req_1234567890
X-Timestamp: 2025-06-15T10:25:00.123Z
X-Service-Signature: v1=4b39f7cbcf9c15717b2d721f5a51450b61dca31353068d714e27dd843fcfdfc5

{"job_id":"job_1234567890","ticket_ids":[1,2]}`,
      shellOfText(
        "/api/internal/print-details",
        "ticket-generator-service",
        "req_1234567890",
        "ticket-example-secret"
      )
    )
  }`

const scheme = (name: string, tag: string) => ({
  type: "apiKey",
  in: "header",
  name,
  description: `A signature of the request under the sender's secret: see ${tag}.`
})

const schemes = {
  paymentSignature: scheme("Stripe-Signature", "Payment webhooks"),
  ticketSignature: scheme("X-Ticket-Service-Signature", "Ticket webhooks"),
  serviceSignature: scheme("X-Service-Signature", "Internal")
}

const header = (name: string, description: string) => ({
  name,
  in: "header",
  required: true,
  schema: { type: "string" },
  description
})

const senderHeaders = [
  header("X-Service-Name", "The service that sends."),
  header("X-Request-ID", "The id of this delivery or request."),
  header(
    "X-Timestamp",
    `When this attempt was signed: ISO 8601 with an offset, at most ${allowedSkew} seconds from our clock.`
  )
]

/** Declares the schemes to which `signedBy` refers. */
export const signatureSchemes = OpenApi.annotations({
  transform: ({ components, ...spec }) => ({
    ...spec,
    components: { ...components, securitySchemes: { ...components.securitySchemes, ...schemes } }
  })
})

/** An endpoint's headers and guard, as they are described: the middleware of its group reads them. */
export const signedBy = (name: keyof typeof schemes) =>
  OpenApi.annotations({
    transform: ({ parameters, ...operation }) => ({
      ...operation,
      parameters: [...parameters, ...senderHeaders],
      security: [{ [name]: [] }]
    })
  })
