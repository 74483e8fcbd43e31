/**
 * Knows every registered route, so that a known path asked with another method is a 405 with Allow and not a
 * 404.
 */
import { Context, Effect, Layer } from "effect"
import { FindMyWay, HttpRouter } from "effect/http"

/** How paths are matched everywhere: `/x` and `/x/` are the same address; an escaped scan id of 128 characters fits. */
export const routerConfig: Partial<FindMyWay.RouterConfig> = {
  ignoreTrailingSlash: true,
  maxParamLength: 384
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"] as const

/** The methods that an address answers, by the routes registered through `FallbackRoutes.layer`. */
export class FallbackRoutes extends Context.Service<FallbackRoutes, {
  readonly allowed: (url: string) => ReadonlyArray<string>
}>()("guichet/http/FallbackRoutes") {
  /** A router that notes each route before handing it to the real one; built anew for each server. */
  static readonly layer = (): Layer.Layer<
    HttpRouter.HttpRouter | FallbackRoutes,
    never,
    HttpRouter.HttpRouter
  > =>
    Layer.effectContext(Effect.gen(function* () {
      const router = yield* HttpRouter.HttpRouter
      const table = FindMyWay.make<true>(routerConfig)
      const note = (routes: ReadonlyArray<HttpRouter.Route<unknown, unknown>>) => {
        for (const { method, path } of routes) {
          const paths = path.endsWith("/*") ? [path, path.slice(0, -2)] : [path]
          for (const known of paths as ReadonlyArray<FindMyWay.PathInput>) {
            if (method === "*") table.all(known, true)
            else table.on(method, known, true)
          }
        }
      }
      const noting = (self: HttpRouter.HttpRouter, prefix: string): HttpRouter.HttpRouter => ({
        ...self,
        prefixed: (more) => noting(self.prefixed(more), prefix + more),
        addAll: (routes) => {
          note(prefix === "" ? routes : routes.map(HttpRouter.prefixRoute(prefix)))
          return self.addAll(routes)
        },
        add: (method, path, handler, options) => {
          note([
            HttpRouter.route(method, prefix === "" ? path : `${prefix}${path}` as `/${string}`, Effect.never)
          ])
          return self.add(method, path, handler, options)
        }
      })
      const allowed = (url: string) => {
        const found: Array<string> = methods.filter((method) => table.find(method, url) !== undefined)
        return found.includes("GET") ? [...found, "HEAD"] : found
      }
      return Context.make(HttpRouter.HttpRouter, HttpRouter.HttpRouter.of(noting(router, ""))).pipe(
        Context.add(FallbackRoutes, FallbackRoutes.of({ allowed }))
      )
    }))
}
