/** Requests that never left this process: nobody else can have seen one, so that nobody can send it again. */
import type { HttpServerRequest } from "effect/http"

const own = new WeakSet<object>()

/** Marks a request that is handed to a handler of this process without a socket. */
export const mark = (request: Request): Request => {
  own.add(request)
  return request
}

/** Whether the request being answered was marked here. */
export const isOwn = ({ source }: HttpServerRequest.HttpServerRequest): boolean => own.has(source)
