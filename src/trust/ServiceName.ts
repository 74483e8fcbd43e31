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

/** How a service is called: its base URL and what names it, the time one attempt may take, and how many follow a failed one. */
export interface ServiceTarget {
  /** The setting that says where it is. */
  readonly variable: string
  readonly baseUrl: Config.Config<string>
  readonly timeout: Duration.Duration
  readonly retries: number
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

const target = (
  variable: string,
  name: ServiceTargetName,
  seconds: number,
  retries: number
): ServiceTarget => ({
  variable,
  baseUrl: urlOr(Config.NonEmptyString(variable), name, "/api"),
  timeout: Duration.seconds(seconds),
  retries
})

/**
 * The clients of the flows document (« Configuration des Clients HTTP »), and the core as the services call
 * it back.
 */
export const serviceTargets = {
  core: target("CORE_URL", "core", 10, 3),
  notifications: target("NOTIFICATION_SERVICE_URL", "notifications", 10, 3),
  payments: target("PAYMENT_SERVICE_URL", "payments", 15, 2),
  tickets: target("TICKET_GENERATOR_URL", "tickets", 30, 3),
  scans: target("SCAN_VALIDATION_URL", "scans", 5, 1)
} as const
