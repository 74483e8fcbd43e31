/**
 * The suite: two workers, one migrated database a file. A worker keeps its modules from one file to the next, which
 * halves what the suite costs: a test leaves nothing behind in its process.
 */
import process from "node:process"
import { defineConfig } from "vitest/config"

/** Ends what hangs. How fast a machine is, and what else it does, decides no test. */
const hung = 300_000

const report = process.env.GUICHET_TEST_REPORT

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/GlobalSetup.ts"],
    pool: "forks",
    isolate: false,
    maxWorkers: 2,
    testTimeout: hung,
    hookTimeout: hung,
    teardownTimeout: 60_000,
    silent: "passed-only",
    reporters: report ? ["default", "json"] : ["default"],
    ...(report ? { outputFile: { json: report } } : {})
  }
})
