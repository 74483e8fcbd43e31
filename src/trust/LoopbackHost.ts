/** Which hosts are this machine: what goes there leaves it by no wire. */

/** Whether a host name or address is of the loopback interface; brackets of a URL's IPv6 address are taken off. */
export const isLoopback = (host: string): boolean =>
  host === "localhost" || /^\[?::1\]?$/.test(host) || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
