/**
 * The five services by the names of the flows document (« Sécurité Inter-Services »), and where each one is
 * called.
 */
import { Config, Duration, Schema } from "effect"

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

/** How a service is called: its base URL, the time one attempt may take, and how many follow a failed one. */
export interface ServiceTarget {
  readonly baseUrl: Config.Config<string>
  readonly timeout: Duration.Duration
  readonly retries: number
}

const target = (variable: string, port: number, seconds: number, retries: number): ServiceTarget => ({
  baseUrl: Config.withDefault(Config.NonEmptyString(variable), `http://localhost:${port}/api`),
  timeout: Duration.seconds(seconds),
  retries
})

/**
 * The clients of the flows document (« Configuration des Clients HTTP »), and the core as the services call
 * it back.
 */
export const serviceTargets = {
  core: target("CORE_URL", 3001, 10, 3),
  notifications: target("NOTIFICATION_SERVICE_URL", 3002, 10, 3),
  payments: target("PAYMENT_SERVICE_URL", 3003, 15, 2),
  tickets: target("TICKET_GENERATOR_URL", 3004, 30, 3),
  scans: target("SCAN_VALIDATION_URL", 3005, 5, 1)
} as const

/** A service as its callers name it. */
export type ServiceTargetName = keyof typeof serviceTargets
