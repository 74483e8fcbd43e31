/** The suite: two workers, one migrated database a file. */
import process from "node:process"
import { defineConfig } from "vitest/config"

const report = process.env.GUICHET_TEST_REPORT

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/GlobalSetup.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    reporters: report ? ["default", "json"] : ["default"],
    ...(report ? { outputFile: { json: report } } : {})
  }
})
