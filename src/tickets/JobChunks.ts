/** What the generator calls a part of a job: a chunk of one attempt, and the webhook that reports it. */

/** `job_1_0` in the first attempt, `job_1.2_0` in the second: the generator takes each id once. */
export const chunkIdOf = (
  job: { readonly job_id: string; readonly attempt: number },
  chunk: number
): string => `${job.job_id}${job.attempt === 1 ? "" : `.${job.attempt}`}_${chunk}`

const reported = /^wh_(job_[A-Za-z0-9_-]+)(?:\.(\d{1,9}))?_\d{1,9}$/

/** The attempt that a webhook of our generator reports; null when its id does not say. */
export const attemptOf = (jobId: string, webhookId: string): number | null => {
  const [, job, attempt] = reported.exec(webhookId) ?? []
  return job === jobId ? Number(attempt ?? 1) : null
}
