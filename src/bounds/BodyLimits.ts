/**
 * How large a request body may be: refused by its declared length at once, and while it streams in
 * otherwise.
 */
import { ByteSize } from "effect"
import type { HttpServerRequest } from "effect/http"

/** Limits in bytes; a route is a path prefix and the longest one that fits wins. */
export interface BodyLimits {
  readonly default: number
  readonly routes: Readonly<Record<string, number>>
}

/** 1 MiB, and 8 MiB where ten thousand guests or five thousand scans come in one body. */
export const bodyLimits: BodyLimits = {
  default: 1024 * 1024,
  routes: {
    "/api/orchestration/complete-flow": 8 * 1024 * 1024,
    "/api/scans/batch": 8 * 1024 * 1024,
    "/api/scans/stream": 8 * 1024 * 1024
  }
}

/** The limit for a request. */
export const limitOf = (limits: BodyLimits, request: HttpServerRequest.HttpServerRequest): number => {
  const path = request.url.split(/[?#]/, 1)[0] ?? ""
  let chosen = ""
  for (const route of Object.keys(limits.routes)) {
    if ((path === route || path.startsWith(`${route}/`)) && route.length > chosen.length) chosen = route
  }
  return limits.routes[chosen] ?? limits.default
}

/** Whether the request says itself that it is too large. */
export const declaresMoreThan = (limit: number, request: HttpServerRequest.HttpServerRequest): boolean =>
  Number(request.headers["content-length"] ?? 0) > limit

/** The same limit for the body readers of the framework. */
export const toByteSize = (limit: number): ByteSize.ByteSize => ByteSize.bytes(limit)
