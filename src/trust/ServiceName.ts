/**
 * The five services by the names of the flows document (« Sécurité Inter-Services »), and where each one is
 * called.
 */
import { Config, Duration, Option, Schema } from "effect"

/** The value of `X-Service-Name`. */
export const ServiceName = Schema.Literals([
  "event-planner-core",
  "payment-service",
  "ticket-generator-service",
  "scan-validation-service",
  "notification-service"
])

/** One of the five names. */
export type ServiceName = typeof ServiceName.Type

/** The environment variable that holds each service's secret; `…_PREVIOUS` holds the one it replaces. */
export const secretVariables: Readonly<Record<ServiceName, string>> = {
  "event-planner-core": "CORE_SERVICE_SECRET",
  "payment-service": "PAYMENT_SERVICE_SECRET",
  "ticket-generator-service": "TICKET_GENERATOR_SECRET",
  "scan-validation-service": "SCAN_VALIDATION_SECRET",
  "notification-service": "NOTIFICATION_SERVICE_SECRET"
}

/** The ports of the flows document; `<NAME>_PORT` changes one. */
export const ports = {
  core: Config.withDefault(Config.Port("CORE_PORT"), 3001),
  notifications: Config.withDefault(Config.Port("NOTIFICATIONS_PORT"), 3002),
  payments: Config.withDefault(Config.Port("PAYMENTS_PORT"), 3003),
  tickets: Config.withDefault(Config.Port("TICKETS_PORT"), 3004),
  scans: Config.withDefault(Config.Port("SCANS_PORT"), 3005)
} as const

/** A service as its callers name it. */
export type ServiceTargetName = keyof typeof ports

/** How a service is called, each a setting; its defaults are the flows document's where that says one. */
export interface ServiceTarget {
  /** The setting that says where it is. */
  readonly variable: string
  readonly baseUrl: Config.Config<string>
  /** The time that one attempt may take. */
  readonly timeout: Config.Config<Duration.Duration>
  /** How many attempts follow a failed one. */
  readonly retries: Config.Config<number>
  /** So many failures in a row, and it is not called for `pause`. */
  readonly failures: Config.Config<number>
  readonly pause: Config.Config<Duration.Duration>
  /** Calls of one process that are under way at once; the others wait their turn. */
  readonly calls: Config.Config<number>
}

/** What a variable says, or this machine at the port of a service, which follows its own variable. */
export const urlOr = (
  given: Config.Config<string>,
  name: ServiceTargetName,
  path: string
): Config.Config<string> =>
  Config.map(
    Config.all([Config.option(given), ports[name]]),
    ([url, port]) => Option.getOrElse(url, () => `http://localhost:${port}${path}`)
  )

/** A whole number of a setting. */
const whole = (variable: string, minimum: number, maximum: number, usual: number): Config.Config<number> =>
  Config.withDefault(
    Config.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })), variable),
    usual
  )

/** A time that is no shorter than a tenth of a second and no longer than ten minutes. */
const time = (variable: string, seconds: number): Config.Config<Duration.Duration> =>
  Config.withDefault(
    Config.schema(
      Schema.DurationFromString.check(
        Schema.makeFilter((value) => {
          const millis = Duration.toMillis(value)
          return millis >= 100 && millis <= 600_000 || "Expected 100 milliseconds to 10 minutes"
        })
      ),
      variable
    ),
    Duration.seconds(seconds)
  )

/** The names of a service's settings. */
interface Variables {
  readonly url: string
  readonly timeout: string
  readonly retries: string
  readonly failures: string
  readonly pause: string
  readonly calls: string
}

/** How the flows document has it called; 8 failures, 10 seconds and the calls are ours. */
interface Usual {
  readonly seconds: number
  readonly retries: number
  readonly calls: number
}

const target = (name: ServiceTargetName, variables: Variables, usual: Usual): ServiceTarget => ({
  variable: variables.url,
  baseUrl: urlOr(Config.NonEmptyString(variables.url), name, "/api"),
  timeout: time(variables.timeout, usual.seconds),
  retries: whole(variables.retries, 0, 10, usual.retries),
  failures: whole(variables.failures, 1, 1_000, 8),
  pause: time(variables.pause, 10),
  calls: whole(variables.calls, 1, 10_000, usual.calls)
})

/**
 * The clients of the flows document (« Configuration des Clients HTTP »), and the core as the services call
 * it back.
 */
export const serviceTargets = {
  core: target("core", {
    url: "CORE_URL",
    timeout: "CORE_TIMEOUT",
    retries: "CORE_RETRIES",
    failures: "CORE_BREAKER_FAILURES",
    pause: "CORE_BREAKER_PAUSE",
    calls: "CORE_CALLS"
  }, { seconds: 10, retries: 3, calls: 1_024 }),
  notifications: target("notifications", {
    url: "NOTIFICATION_SERVICE_URL",
    timeout: "NOTIFICATION_SERVICE_TIMEOUT",
    retries: "NOTIFICATION_SERVICE_RETRIES",
    failures: "NOTIFICATION_SERVICE_BREAKER_FAILURES",
    pause: "NOTIFICATION_SERVICE_BREAKER_PAUSE",
    calls: "NOTIFICATION_SERVICE_CALLS"
  }, { seconds: 10, retries: 3, calls: 256 }),
  payments: target("payments", {
    url: "PAYMENT_SERVICE_URL",
    timeout: "PAYMENT_SERVICE_TIMEOUT",
    retries: "PAYMENT_SERVICE_RETRIES",
    failures: "PAYMENT_SERVICE_BREAKER_FAILURES",
    pause: "PAYMENT_SERVICE_BREAKER_PAUSE",
    calls: "PAYMENT_SERVICE_CALLS"
  }, { seconds: 15, retries: 2, calls: 256 }),
  tickets: target("tickets", {
    url: "TICKET_GENERATOR_URL",
    timeout: "TICKET_GENERATOR_TIMEOUT",
    retries: "TICKET_GENERATOR_RETRIES",
    failures: "TICKET_GENERATOR_BREAKER_FAILURES",
    pause: "TICKET_GENERATOR_BREAKER_PAUSE",
    calls: "TICKET_GENERATOR_CALLS"
  }, { seconds: 30, retries: 3, calls: 256 }),
  scans: target("scans", {
    url: "SCAN_VALIDATION_URL",
    timeout: "SCAN_VALIDATION_TIMEOUT",
    retries: "SCAN_VALIDATION_RETRIES",
    failures: "SCAN_VALIDATION_BREAKER_FAILURES",
    pause: "SCAN_VALIDATION_BREAKER_PAUSE",
    calls: "SCAN_VALIDATION_CALLS"
  }, { seconds: 5, retries: 1, calls: 256 })
} as const

/** The names that the flows document gives to whom a call goes. */
export const targetNames: Readonly<Record<ServiceTargetName, ServiceName>> = {
  core: "event-planner-core",
  notifications: "notification-service",
  payments: "payment-service",
  tickets: "ticket-generator-service",
  scans: "scan-validation-service"
}
