// A request's target (RFC 9112, 3.2): a path with a query, behind a scheme and a host where the client took this
// server for a proxy, as it may.

const ORIGIN = /^https?:\/\/[^/?#]*/i;

export function pathOf(target: string): string {
  const origin = ORIGIN.exec(target);
  const path = origin === null ? target : target.slice(origin[0].length);
  const end = path.indexOf('?');
  return (end === -1 ? path : path.slice(0, end)) || '/';
}

/** With its question mark; empty where there is none. */
export function queryOf(target: string): string {
  const begin = target.indexOf('?');
  return begin === -1 ? '' : target.slice(begin);
}
