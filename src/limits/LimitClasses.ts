/** How much of what a caller may ask for: one table of classes, and the setting that moves each. */
import { Config, Context, Schema } from "effect"
import type { HttpApiEndpoint } from "effect/http-api"

/** Requests a second in the long run, and how many may come at once. */
export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

interface Limited {
  /** The setting: requests a second of the first rate below; the others keep their proportion to it. */
  readonly variable: string
  readonly token?: Rate
  /** Of all the tokens of one organisation together; an operator counts alone. */
  readonly organiser?: Rate
}

/** The classes of routes. */
export const limitClasses = {
  /** Scans and their annulments: ten gates of twenty stewards behind one token stay below. */
  scans: { variable: "LIMIT_SCANS", token: { perSecond: 200, burst: 600 } },
  uploads: { variable: "LIMIT_UPLOADS", token: { perSecond: 2, burst: 30 } },
  reads: {
    variable: "LIMIT_READS",
    token: { perSecond: 50, burst: 300 },
    organiser: { perSecond: 200, burst: 1_000 }
  },
  writes: {
    variable: "LIMIT_WRITES",
    token: { perSecond: 20, burst: 100 },
    organiser: { perSecond: 60, burst: 300 }
  },
  /** What starts work that goes on after the answer. */
  work: { variable: "LIMIT_WORK", organiser: { perSecond: 50, burst: 200 } },
  /** What is drawn or decoded while the caller waits. */
  documents: { variable: "LIMIT_DOCUMENTS", organiser: { perSecond: 2, burst: 20 } }
} as const satisfies Record<string, Limited>

/** The name of a class. */
export type LimitClass = keyof typeof limitClasses

/** Tokens that were never seen before, by the address that sends them. */
export const strangers = { variable: "LIMIT_STRANGERS", rate: { perSecond: 50, burst: 500 } } as const

/** The class of an endpoint; without it a GET is a read and anything else a write. */
export const LimitedAs = Context.Reference<LimitClass | undefined>("guichet/limits/LimitedAs", {
  defaultValue: () => undefined
})

/** The class that an endpoint is limited as. */
export const classOf = (endpoint: HttpApiEndpoint.Top): LimitClass =>
  Context.get(endpoint.annotations, LimitedAs) ?? (endpoint.method === "GET" ? "reads" : "writes")

const perSecond = Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 1_000_000 }))

/** A rate as its setting moves it, or none. */
export type Scaled = (rate: Rate | undefined) => Rate | undefined

const scaled = (variable: string, usual: Rate): Config.Config<Scaled> =>
  Config.map(
    Config.withDefault(Config.schema(perSecond, variable), usual.perSecond),
    (given): Scaled => (rate) =>
      given === 0 || rate === undefined ? undefined : {
        perSecond: rate.perSecond * given / usual.perSecond,
        burst: Math.max(1, Math.round(rate.burst * given / usual.perSecond))
      }
  )

/** The rates in force of one class. */
export interface Rates {
  readonly token: Rate | undefined
  readonly organiser: Rate | undefined
}

const ratesOf = ({ organiser, token, variable }: Limited): Config.Config<Rates> =>
  Config.map(
    scaled(variable, (token ?? organiser)!),
    (scale): Rates => ({ token: scale(token), organiser: scale(organiser) })
  )

/** The settings of all classes; 0 is no limit. */
export const limitRates: Readonly<Record<LimitClass, Config.Config<Rates>>> = {
  scans: ratesOf(limitClasses.scans),
  uploads: ratesOf(limitClasses.uploads),
  reads: ratesOf(limitClasses.reads),
  writes: ratesOf(limitClasses.writes),
  work: ratesOf(limitClasses.work),
  documents: ratesOf(limitClasses.documents)
}

/** The setting of strangers; 0 is no limit. */
export const strangerRate: Config.Config<Rate | undefined> = Config.map(
  scaled(strangers.variable, strangers.rate),
  (scale) => scale(strangers.rate)
)
