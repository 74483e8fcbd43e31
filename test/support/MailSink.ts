/** A mail server on loopback that a test can slow down or have refuse, and that counts what it took by Message-ID. */
import { Effect, type Scope } from "effect"
import { SMTPServer } from "smtp-server"
import { freePorts } from "./Served.ts"

export interface MailSink {
  /** What `SMTP_URL` and `MAIL_FROM` are for it. */
  readonly env: Readonly<Record<string, string>>
  /** How often each message was taken, by the part of its Message-ID before the `@`. */
  readonly taken: ReadonlyMap<string, number>
  /** How many recipients were named, refused ones included. */
  readonly asked: () => number
  /** What a recipient is answered; 250 accepts. */
  answer: (address: string) => number
  /** How long each message takes, in milliseconds. */
  pause: number
}

const headerOf = (mail: string) => /^Message-ID:\s*<([^@>]+)@/im.exec(mail)?.[1] ?? "none"

/** Listens until the scope closes. */
export const mailSink: Effect.Effect<MailSink, never, Scope.Scope> = Effect.gen(function* () {
  const [port] = yield* freePorts(1)
  const taken = new Map<string, number>()
  let asked = 0
  const sink: MailSink = {
    env: { SMTP_URL: `smtp://127.0.0.1:${port}`, MAIL_FROM: "Guichet <tickets@guichet.example>" },
    taken,
    asked: () => asked,
    answer: () => 250,
    pause: 0
  }
  yield* Effect.acquireRelease(
    Effect.callback<SMTPServer>((resume) => {
      const server = new SMTPServer({
        authOptional: true,
        disabledCommands: ["STARTTLS", "AUTH"],
        disableReverseLookup: true,
        onRcptTo: ({ address }, _session, done) => {
          asked++
          const code = sink.answer(address)
          done(code === 250 ? null : Object.assign(new Error("as the test says"), { responseCode: code }))
        },
        onData: (stream, _session, done) => {
          let mail = ""
          stream.on("data", (chunk: Buffer) => mail += chunk.toString("latin1"))
          stream.on("end", () => {
            const id = headerOf(mail)
            taken.set(id, (taken.get(id) ?? 0) + 1)
            setTimeout(done, sink.pause)
          })
        }
      })
      // A killed client leaves its connection behind.
      server.on("error", () => {})
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.callback<void>((resume) => server.close(() => resume(Effect.void)))
  )
  return sink
})
