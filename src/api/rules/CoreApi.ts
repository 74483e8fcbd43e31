/** What every route of the core's contract shares: its name, its prefix, and how its bodies are read. */
import { HttpApi, type HttpApiGroup } from "effect/http-api"
import { parsing } from "../../http/ProblemMiddleware.ts"

/** The contract before any group is in it. */
export const emptyApi = HttpApi.make("guichet").annotateMerge(parsing)

/** The path that every route begins with. */
export const prefix = "/api"

/** The part of the contract that one group is: what its handlers need, without the rest of the house. */
export const apiOf = <Group extends HttpApiGroup.Constraint>(group: Group) =>
  emptyApi.add(group).prefix(prefix)
