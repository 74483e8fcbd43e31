/** Which answers refuse a request, whenever it is sent again. */

/** Refusals after which the same request may be tried again. */
const retryable: ReadonlySet<number> = new Set([408, 425, 429])

/** True for the statuses of a disagreement: the same request will be refused again. */
export const isFinal = (status: number): boolean => status >= 400 && status < 500 && !retryable.has(status)
