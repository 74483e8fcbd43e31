/**
 * What each HTTP failure is called and what its reader should do: the words of every answer that has no
 * problem of its own.
 */

/** The words of one problem type; `slug` ends its `type` URI and never changes once published. */
export interface ProblemWords {
  readonly slug: string
  readonly title: string
  readonly detail: string
}

/** The `type` URI of a problem: a full path (RFC 9457 §3.1.1), stable, to be compared and not fetched. */
export const problemType = <const Slug extends string>(slug: Slug): `/problems/${Slug}` => `/problems/${slug}`

/** The words by HTTP status, for answers that the framework or an intermediary leaves empty. */
export const wordsByStatus: Readonly<Record<number, ProblemWords>> = {
  400: {
    slug: "malformed-request",
    title: "The request could not be read",
    detail: "Send a well-formed request whose body is valid JSON."
  },
  401: {
    slug: "unauthenticated",
    title: "Who you are is not known",
    detail: "Send a valid token in the header Authorization: Bearer."
  },
  403: {
    slug: "forbidden",
    title: "You may not do this",
    detail: "Use a token whose role allows this operation."
  },
  404: {
    slug: "not-found",
    title: "Nothing is here",
    detail: "Check the address and the identifiers in it."
  },
  405: {
    slug: "method-not-allowed",
    title: "This address does not answer that method",
    detail: "Use one of the methods in the Allow header."
  },
  406: {
    slug: "not-acceptable",
    title: "No representation fits",
    detail: "Accept application/json."
  },
  408: { slug: "request-timeout", title: "The request took too long", detail: "Send the request again." },
  409: {
    slug: "conflict",
    title: "The request conflicts with the current state",
    detail: "Read the resource again and decide from what it says now."
  },
  410: { slug: "gone", title: "This is gone", detail: "Stop asking for it: it will not come back." },
  413: {
    slug: "body-too-large",
    title: "The body is too large",
    detail: "Send a smaller body, or split the work into several requests."
  },
  415: {
    slug: "unsupported-media-type",
    title: "This kind of body is not understood",
    detail: "Send the body as application/json and say so in Content-Type."
  },
  422: {
    slug: "invalid-request",
    title: "The request is not valid",
    detail: "Correct the fields listed in errors and send the request again."
  },
  429: {
    slug: "too-many-requests",
    title: "Too many requests",
    detail: "Wait as long as Retry-After says, then send the request again."
  },
  500: {
    slug: "internal-error",
    title: "Something failed on our side",
    detail: "Try again later; if it lasts, report the instance of this problem."
  },
  503: {
    slug: "unavailable",
    title: "The service cannot answer now",
    detail: "Wait as long as Retry-After says, then send the request again."
  }
}

const internal: ProblemWords = {
  slug: "internal-error",
  title: "Something failed on our side",
  detail: "Try again later; if it lasts, report the instance of this problem."
}

/** The words for a status, known or not. */
export const wordsFor = (status: number): ProblemWords =>
  wordsByStatus[status] ?? (status >= 500 ? internal : {
    slug: `status-${status}`,
    title: `The request was refused with status ${status}`,
    detail: "Check the request against the API reference."
  })
