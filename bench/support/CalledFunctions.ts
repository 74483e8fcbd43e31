/** Which functions of this repository run during a piece of work, by V8's precise coverage of this process. */
import { Session } from "node:inspector"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"

const root = new URL("../../", import.meta.url)

/** Where the product's code is; tests and benches are not of it. */
const product = ["src/", "rpc/", "entities/"]

/** Functions that ran, by file; those without a name are one entry, `(anonymous)`. */
export type CalledFunctions = ReadonlyMap<string, ReadonlySet<string>>

interface Script {
  readonly url: string
  readonly functions: ReadonlyArray<
    { readonly functionName: string; readonly ranges: ReadonlyArray<{ readonly count: number }> }
  >
}

/** Counts calls from now on; `take` answers what ran since it was asked before. */
export const startCounting = async (): Promise<{ readonly take: () => Promise<CalledFunctions> }> => {
  const session = new Session()
  session.connect()
  const post = (method: string, params: object = {}) =>
    new Promise<unknown>((resolve, reject) =>
      session.post(
        method,
        params,
        (error: Error | null, answer?: object) => error === null ? resolve(answer) : reject(error)
      )
    )
  await post("Profiler.enable")
  await post("Profiler.startPreciseCoverage", { callCount: true, detailed: false })
  const take = async (): Promise<CalledFunctions> => {
    const { result } = await post("Profiler.takePreciseCoverage") as {
      readonly result: ReadonlyArray<Script>
    }
    const called = new Map<string, Set<string>>()
    for (const { functions, url } of result) {
      if (!url.startsWith(root.href) || url.includes("/node_modules/")) continue
      const file = relative(fileURLToPath(root), fileURLToPath(url))
      const names = functions.filter(({ ranges }) => (ranges[0]?.count ?? 0) > 0)
        .map(({ functionName }) => functionName === "" ? "(anonymous)" : functionName)
      if (names.length > 0 && product.some((folder) => file.startsWith(folder))) {
        called.set(file, new Set(names))
      }
    }
    return called
  }
  return { take }
}

/** What ran every time: the work of keepers and pollers, which runs now and then, drops out. */
export const common = (times: ReadonlyArray<CalledFunctions>): CalledFunctions =>
  times.reduce((all, one) =>
    new Map(
      [...all].map(([file, names]) => [file, names.intersection(one.get(file) ?? new Set<string>())] as const)
        .filter(([, names]) => names.size > 0)
    )
  )
