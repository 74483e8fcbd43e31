/** What stands around an installation, looked at by `guichet doctor`: the disk, the mail server, the other services. */
import { Config, Effect, Option, Redacted, Schema } from "effect"
import { HttpClient } from "effect/http"
import { createTransport } from "nodemailer"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Cluster from "../cluster/Cluster.ts"
import { runnerAddress } from "../cluster/RunnerSettings.ts"
import { mailSettings } from "../services/notifications/MailSettings.ts"
import { isLoopback } from "../trust/LoopbackHost.ts"
import { serviceTargets } from "../trust/ServiceName.ts"

/** What is wrong around an installation; `message` says what to do. */
export class Surrounded extends Schema.TaggedError<Surrounded>()("Surrounded", { message: Schema.String }) {}

/** Less than this and a day of tickets, feeds and logs may fill the disk. */
const leastFree = 1024 ** 3

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error ? String(error.code) : String(error)

/** The nearest folder on the way that is there: a first start makes the rest. */
const nearest = (directory: string): string => {
  let there = directory
  while (!Fs.existsSync(there) && Path.dirname(there) !== there) there = Path.dirname(there)
  return there
}

/** Fails when nothing can be written below the data directory, or hardly anything. */
export const checkDirectory = (directory: string, least = leastFree): Effect.Effect<void, Surrounded> =>
  Effect.try({
    try: () => {
      const there = nearest(directory)
      Fs.accessSync(`${there}/.`, Fs.constants.W_OK)
      const { bavail, bsize, ffree, files } = Fs.statfsSync(there)
      return { free: bavail * bsize, isOutOfFiles: files > 0 && ffree === 0 }
    },
    catch: (error) =>
      new Surrounded({
        message: `Nothing can be written in ${directory} (${
          codeOf(error)
        }): give it to the user that runs Guichet, or set GUICHET_DATA.`
      })
  }).pipe(
    Effect.flatMap(({ free, isOutOfFiles }) =>
      free >= least && !isOutOfFiles ? Effect.void : Effect.fail(
        new Surrounded({
          message: `The disk of ${directory} has ${Math.floor(free / 1024 ** 2)} MiB left${
            isOutOfFiles ? " and no file more" : ""
          }: make room, or set GUICHET_DATA to another disk.`
        })
      )
    )
  )

/** Fails when the mail server of `SMTP_URL` cannot be reached or refuses the login; none where there is no such server. */
export const checkMail = Effect.gen(function* () {
  const { smtp } = yield* mailSettings
  if (Option.isNone(smtp)) return Option.none()
  const url = Redacted.value(smtp.value)
  const { host } = new URL(url)
  const verified = Effect.acquireUseRelease(
    Effect.sync(() => createTransport({ url, connectionTimeout: 5_000, greetingTimeout: 5_000 })),
    (transport) =>
      Effect.tryPromise({
        try: () => transport.verify(),
        catch: (error) =>
          new Surrounded({
            message: `The mail server at ${host} ${
              codeOf(error) === "EAUTH" ? "refuses the login" : `does not answer (${codeOf(error)})`
            }: start it, or correct SMTP_URL. Messages wait for it for a day.`
          })
      }),
    (transport) => Effect.sync(() => transport.close())
  )
  return Option.some(verified)
})

/** A sentence for each service whose place is configured and that does not answer there now. */
export const servicesAway = Effect.gen(function* () {
  const client = yield* HttpClient.HttpClient
  const away: Array<string> = []
  for (const [name, { baseUrl, variable }] of Object.entries(serviceTargets)) {
    if (Option.isNone(yield* Config.option(Config.NonEmptyString(variable)))) continue
    const url = new URL("/health/live", yield* baseUrl)
    const status = yield* client.get(url).pipe(
      Effect.map(({ status }) => `status ${status}`),
      Effect.timeout("5 seconds"),
      Effect.catch((error) => Effect.succeed(error._tag))
    )
    if (status !== "status 200") {
      away.push(
        `${variable}: nobody answers at ${url.host} (${status}). Start "guichet serve ${name}" there, or correct it.`
      )
    }
  }
  return away
})

/** A sentence when other hosts cannot reach this core's runner though several cores are meant. */
export const runnerUnreached = Effect.gen(function* () {
  if ((yield* Cluster.chosenMode) !== "socket") return Option.none()
  const host = yield* runnerAddress.host
  return isLoopback(host)
    ? Option.some(
      `GUICHET_RUNNER_HOST is ${host}: cores on other hosts do not reach this one. Set it to this host's address, ` +
        "unless all cores are on this machine."
    )
    : Option.none()
})
