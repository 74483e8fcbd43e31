/** An organiser's program: it posts a generation job and follows its events to the end. */

/** How far a job is; `status` is there at its end. */
export interface Progress {
  readonly generated?: number
  readonly failed?: number
  readonly status?: string
}

interface Accepted {
  readonly job_id: string
  readonly status_url: string
  readonly events_url: string
}

/** A job's end: milliseconds on `performance.now`'s clock of the POST, its answer and the last event. */
export interface JobTimes {
  readonly posted: number
  readonly accepted: number
  readonly ended: number
  readonly status: string
  readonly failed: number
}

const options = {
  qrFormat: "png",
  qrSize: "medium",
  pdfFormat: true,
  includeLogo: false,
  priority: "normal",
  batch_processing: true
}

/** The `data` lines of a stream of server-sent events. */
async function* eventsOf(answer: Response): AsyncGenerator<Progress> {
  let rest = ""
  for await (const text of answer.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      if (line.startsWith("data:")) yield JSON.parse(line.slice(5)) as Progress
    }
  }
}

/** Runs a job of these tickets; `noted` is called with each event. A job that does not complete fails. */
export const runJob = async (
  url: string,
  token: string,
  ticketIds: ReadonlyArray<number>,
  noted: (progress: Progress) => void
): Promise<JobTimes> => {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const get = (path: string) => fetch(`${url}${path}`, { headers })
  const posted = performance.now()
  const answer = await fetch(`${url}/api/tickets/generation-jobs`, {
    method: "POST",
    headers,
    body: JSON.stringify({ ticket_ids: ticketIds, options })
  })
  if (answer.status !== 202) throw new Error(`POST answered ${answer.status}: ${await answer.text()}`)
  const job = await answer.json() as Accepted
  const accepted = performance.now()
  for await (const progress of eventsOf(await get(job.events_url))) noted(progress)
  const ended = performance.now()
  const { failed, status } = await (await get(job.status_url)).json() as { status: string; failed: number }
  if (status !== "completed") throw new Error(`The job ended as ${status}, ${failed} tickets failed`)
  return { posted, accepted, ended, status, failed }
}
