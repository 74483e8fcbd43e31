/** What the generator calls a part of a job: a chunk of one attempt, and the webhook that reports it. */

/**
 * `job_1_0` in the first attempt, `job_1.2_0` in the second, `job_1.2.3_0` in its third edition: the generator takes each
 * id once, so an attempt that its queue forgot to do goes there again under a new edition.
 */
export const chunkIdOf = (
  { attempt, edition, job_id }: {
    readonly job_id: string
    readonly attempt: number
    readonly edition: number
  },
  chunk: number
): string => {
  const suffix = edition > 1 ? `.${attempt}.${edition}` : attempt > 1 ? `.${attempt}` : ""
  return `${job_id}${suffix}_${chunk}`
}

const reported = /^wh_(job_[A-Za-z0-9_-]+)(?:\.(\d{1,9})(?:\.\d{1,9})?)?_\d{1,9}$/

/** The attempt that a webhook of our generator reports, in whichever edition; null when its id does not say. */
export const attemptOf = (jobId: string, webhookId: string): number | null => {
  const [, job, attempt] = reported.exec(webhookId) ?? []
  return job === jobId ? Number(attempt ?? 1) : null
}
