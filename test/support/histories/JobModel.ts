/** What a job and its tickets are after any history of reports, in a few lines that know nothing of SQL. */
import type { ItemStatus } from "../../../rpc/TicketJob.ts"

/** One ticket's news: `at` is the minute of its rendering, `key` whether the report names our file. */
export interface News {
  readonly ticket: number
  readonly good: boolean
  readonly at: number
  readonly key: boolean
}

interface Files {
  at: number
  url: number
  key: number | undefined
}

interface Item {
  status: ItemStatus
  attempt: number
}

/** Tickets are numbered from 0. */
export class JobModel {
  attempt = 1
  status: "running" | "completed" | "failed" | "partially_failed" | "canceled" = "running"
  readonly items: ReadonlyArray<Item>
  readonly files: Array<Files | undefined>

  constructor(count: number) {
    this.items = Array.from({ length: count }, () => ({ status: "queued", attempt: 1 }))
    this.files = Array.from({ length: count }, () => undefined)
  }

  /** `attempt` is that of a batch of ours, which a canceled job ignores; a single report is of any. */
  report(news: ReadonlyArray<News>, attempt = Number.POSITIVE_INFINITY) {
    if (this.status === "canceled" && Number.isFinite(attempt)) return
    for (const one of news) {
      this.#keep(one)
      if (this.status !== "canceled") this.#decide(this.items[one.ticket]!, one.good, attempt)
    }
    this.#conclude()
  }

  cancel() {
    if (this.status !== "running") return
    for (const item of this.items) if (item.status === "queued") item.status = "canceled"
    this.status = "canceled"
  }

  retry() {
    if (this.status !== "failed" && this.status !== "partially_failed") return
    this.attempt++
    this.status = "running"
    for (const item of this.items) {
      if (item.status === "failed") Object.assign(item, { status: "queued", attempt: this.attempt })
    }
  }

  count(status: ItemStatus) {
    return this.items.filter((item) => item.status === status).length
  }

  #keep({ at, good, key, ticket }: News) {
    if (!good) return
    const kept = this.files[ticket]
    if (kept === undefined || at > kept.at) this.files[ticket] = { at, url: at, key: key ? at : undefined }
    else if (at === kept.at && key) kept.key ??= at
  }

  #decide(item: Item, good: boolean, attempt: number) {
    if (good && item.status !== "canceled") item.status = "generated"
    else if (!good && item.status === "queued" && attempt >= item.attempt) item.status = "failed"
  }

  #conclude() {
    if (this.status === "canceled" || this.count("queued") > 0) return
    const failed = this.count("failed")
    this.status = failed === 0 ? "completed" : failed === this.items.length ? "failed" : "partially_failed"
  }
}
