/** Posts flows as a client does and reads when their steps ended. */

/** Milliseconds of one flow: to the end of the last step before the reminders, and of each step. */
export interface FlowTimes {
  readonly beforeReminders: number
  readonly steps: Readonly<Record<string, number>>
}

interface StepView {
  readonly step: string
  readonly status: string
  readonly started_at: string
  readonly finished_at: string
}

type Body = { readonly event_data: { readonly event_id: number } }

/** A client whose every flow is for an event of its own. */
export const makeClient = (url: string, token: string, body: Body, firstEvent = 1) => {
  let event = firstEvent - 1
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }

  const flow = async (): Promise<FlowTimes> => {
    const own = { ...body, event_data: { ...body.event_data, event_id: ++event } }
    const posted = Date.now()
    const answer = await fetch(`${url}/api/orchestration/complete-flow`, {
      method: "POST",
      headers,
      body: JSON.stringify(own)
    })
    if (answer.status !== 202) throw new Error(`POST answered ${answer.status}: ${await answer.text()}`)
    const accepted = await answer.json() as { readonly status_url: string; readonly events_url: string }
    await (await fetch(`${url}${accepted.events_url}`, { headers })).text()
    const view = await (await fetch(`${url}${accepted.status_url}`, { headers })).json() as {
      readonly status: string
      readonly steps: ReadonlyArray<StepView>
    }
    if (view.status !== "completed") throw new Error(`A flow ended as ${view.status}`)
    const last = view.steps.find((step) => step.step === "notifications")
    return {
      beforeReminders: Date.parse(last?.finished_at ?? "") - posted,
      steps: Object.fromEntries(
        view.steps.map((step) => [step.step, Date.parse(step.finished_at) - Date.parse(step.started_at)])
      )
    }
  }

  return { flow }
}
