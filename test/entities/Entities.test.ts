/** That every contract with a mailbox has an answerer, and a rule of how long its messages are kept. */
import { assert, it } from "@effect/vitest"
import { Predicate } from "effect"
import { Entity } from "effect/cluster"
import { readdirSync } from "node:fs"
import { isMailbox } from "../../src/store/retention/RetentionStore.ts"

const contracts = new URL("../../rpc/", import.meta.url)

/** The name of an entity or a workflow; undefined for whatever else a contract exports. */
const nameOf = (value: unknown): string | undefined => {
  if (Entity.isEntity(value)) return value.type
  return Predicate.hasProperty(value, "executionId") && Predicate.hasProperty(value, "_tag")
    ? String(value._tag)
    : undefined
}

it("every entity and workflow of rpc/ is one of Entities.ts and RetentionStore.ts", async () => {
  const modules: ReadonlyArray<Record<string, unknown>> = await Promise.all(
    readdirSync(contracts, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts")).map((
      file
    ) => import(new URL(file, contracts).href))
  )
  const names = modules.flatMap((module) => Object.values(module).flatMap((value) => nameOf(value) ?? []))
  assert.includeMembers(names, ["TicketJob", "CompleteFlow", "Reminders"])
  assert.deepStrictEqual(
    names.filter((name) => !isMailbox(name)),
    [],
    "Say in RetentionStore.keepsMessages whether the messages of these are kept: the compiler then asks for their layers."
  )
})
