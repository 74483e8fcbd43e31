/** Who is at the other end, as far as the network says it: a proxy that is trusted is believed about its clients. */
import { Config, Option, Result, Schema } from "effect"
import type { HttpServerRequest } from "effect/http"
import { IpNetwork, NetAddress } from "effect/net"

const parsed = (text: string): NetAddress.IpAddress | undefined => {
  const address = NetAddress.ipFromString(text.trim())
  return Result.isSuccess(address) ? NetAddress.toCanonical(address.success) : undefined
}

const isNetwork = (text: string): boolean => Result.isSuccess(IpNetwork.fromString(text))

const ListedNetworks = Schema.Trim.check(
  Schema.makeFilter(
    (text) => text === "" || text.split(",").every((one) => isNetwork(one.trim())),
    { message: "Expected networks such as 10.0.0.0/8, with commas between them" }
  )
)

/** The networks of the proxies that may say in `X-Forwarded-For` for whom they ask. */
export const trustedProxies: Config.Config<ReadonlyArray<IpNetwork.IpNetwork>> = Config.map(
  Config.withDefault(Config.schema(ListedNetworks, "TRUSTED_PROXIES"), ""),
  (text) =>
    text === "" ? [] : text.split(",").flatMap((one) => {
      const network = IpNetwork.fromString(one.trim())
      return Result.isSuccess(network) ? [network.success] : []
    })
)

/** A household has a /64 of the longer addresses: all of it is one client. */
const keyOf = (address: NetAddress.IpAddress): string =>
  NetAddress.isIpv6Address(address)
    ? NetAddress.ipv6ToSegments(address).slice(0, 4).map((segment) => segment.toString(16)).join(":")
    : NetAddress.formatIp(address)

/**
 * The client of a request, as a key: its peer, or the last address in `X-Forwarded-For` that is no trusted proxy, where
 * the peer is one. What is no address ends the search. A request within this process has none.
 */
export const clientOf = (
  { headers, remoteAddress }: Pick<HttpServerRequest.HttpServerRequest, "headers" | "remoteAddress">,
  trusted: ReadonlyArray<IpNetwork.IpNetwork>
): string | undefined => {
  const isTrusted = (address: NetAddress.IpAddress) =>
    trusted.some((network) => IpNetwork.contains(network, address))
  let client = parsed(Option.getOrElse(remoteAddress, () => ""))
  if (client === undefined) return undefined
  const hops = (headers["x-forwarded-for"] ?? "").split(",")
  while (isTrusted(client) && hops.length > 0) {
    const next = parsed(hops.pop()!)
    if (next === undefined) break
    client = next
  }
  return keyOf(client)
}
