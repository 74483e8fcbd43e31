/** Requests of a page to its own server, each with a deadline and an answer of one of four kinds. */
import { locale } from "./locale.ts"

/** `away`: nobody answered in time, or the server said that it cannot now. `ended`: the token opens nothing any more. */
export type Answer<A> =
  | { readonly kind: "answer"; readonly body: A }
  | { readonly kind: "refused"; readonly status: number; readonly detail: string }
  | { readonly kind: "ended" }
  | { readonly kind: "away" }

/** What a problem document (RFC 9457) says to a person. */
const detailOf = async (response: Response): Promise<string> => {
  try {
    const problem: unknown = await response.json()
    const { detail, title } = problem as { readonly detail?: unknown; readonly title?: unknown }
    return typeof detail === "string" ? detail : typeof title === "string" ? title : `${response.status}`
  } catch {
    return `${response.status}`
  }
}

/** Sends a request; `patience` in milliseconds is how long an answer is waited for. */
export const ask = async <A>(
  token: string,
  path: string,
  options: { readonly body?: unknown; readonly patience: number; readonly signal?: AbortSignal }
): Promise<Answer<A>> => {
  const signals = [
    AbortSignal.timeout(options.patience),
    ...(options.signal === undefined ? [] : [options.signal])
  ]
  const aborting = new AbortController()
  for (const signal of signals) {
    if (signal.aborted) aborting.abort()
    signal.addEventListener("abort", () => aborting.abort(), { once: true })
  }
  try {
    const response = await fetch(path, {
      method: options.body === undefined ? "GET" : "POST",
      headers: {
        authorization: `Bearer ${token}`,
        "accept-language": locale,
        ...(options.body === undefined ? {} : { "content-type": "application/json" })
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      cache: "no-store",
      credentials: "omit",
      signal: aborting.signal
    })
    if (response.ok) return { kind: "answer", body: await response.json() as A }
    if (response.status === 401) return { kind: "ended" }
    if (response.status === 429 || response.status >= 500) return { kind: "away" }
    return { kind: "refused", status: response.status, detail: await detailOf(response) }
  } catch {
    // A network that is not there and an answer that did not come in time are the same to a page.
    return { kind: "away" }
  }
}
