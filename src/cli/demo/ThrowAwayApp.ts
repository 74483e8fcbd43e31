/** The whole app, without a port unless it is kept running, on a database that dies with it, and out of reach of the environment. */
import { ConfigProvider, Console, Layer, Option } from "effect"
import { appendFileSync } from "node:fs"
import { inProcess, withCorePort } from "../../app/App.ts"
import * as Database from "../../database/Database.ts"
import type { DemoFolder } from "./DemoFolder.ts"

/** A console that writes into a file, one text a line. */
const toFile = (path: string): Console.Console => {
  const write = (...texts: ReadonlyArray<unknown>) =>
    appendFileSync(path, `${texts.join(" ")}\n`, { mode: 0o600 })
  return { ...globalThis.console, debug: write, error: write, info: write, log: write, warn: write }
}

/**
 * Core and services in this process. Neither `DATABASE_URL` nor mail servers, payment keys or ports of the
 * environment count: nothing that the demonstration does leaves its folder. Logs go to its `guichet.log`. With a
 * `corePort` the core listens there, and its links lead there.
 */
export const layer = (folder: DemoFolder, corePort: Option.Option<number>) =>
  (Option.isSome(corePort) ? withCorePort : inProcess).pipe(Layer.provide([
    ConfigProvider.layer(ConfigProvider.fromUnknown({
      ...(Option.isSome(corePort) ? { CORE_PORT: String(corePort.value) } : {}),
      GUICHET_DATA: folder.data,
      LOG_FORMAT: "json",
      LOG_LEVEL: "info"
    })),
    Layer.succeed(Database.ThrowAway, true),
    Layer.succeed(Console.Console, toFile(folder.log))
  ]))
