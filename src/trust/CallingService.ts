/** Which service is calling, and the note on a route that says which services may. */
import { Context } from "effect"
import type { ServiceName } from "./ServiceName.ts"

/** The verified sender of the request being answered, provided by `ServiceAuth` and the webhook guards. */
export class CallingService extends Context.Service<CallingService, { readonly name: ServiceName }>()(
  "guichet/trust/CallingService"
) {}

/** The services that may call an endpoint or a group, as its annotation; without it none may. */
export class AllowedServices extends Context.Service<AllowedServices, ReadonlyArray<ServiceName>>()(
  "guichet/trust/AllowedServices"
) {}
