/** Which answers refuse a request, whenever it is sent again. */

/** Refusals of a request that ask for patience. */
const patient: ReadonlySet<number> = new Set([408, 425, 429])

/** True for the statuses of a disagreement: the same request will be refused again. */
export const isFinal = (status: number): boolean => status >= 400 && status < 500 && !patient.has(status)
