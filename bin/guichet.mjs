#!/usr/bin/env node
/** The command `guichet` on Node: the program is TypeScript, which older versions than 24 do not run. */
import process from "node:process"

const needed = 24

if (Number(process.versions.node.split(".")[0]) < needed) {
  process.stderr.write(
    `guichet: Node ${needed} or later is needed, and this is ${process.versions.node}. ` +
      "Install it, or run on Deno, for example: npx -y deno@2.9.6 task demo\n"
  )
  process.exitCode = 1
} else {
  await import("../src/main.ts")
}
