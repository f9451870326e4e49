// A directory that was asked for without the slash at its end.
import type { IncomingMessage, ServerResponse } from 'node:http';

import encodeUrl = require('encodeurl');

import { pathOf, queryOf } from './target';

/**
 * To where the request was, with the slash: relative links of what is there would lead elsewhere without. As
 * serve-static does it, below a path that express has cut off, too.
 *
 * @returns false where the request had a slash, and would come again and again.
 */
export function redirectToDirectory(req: IncomingMessage, res: ServerResponse): boolean {
  const { originalUrl, url = '/' } = req as IncomingMessage & { originalUrl?: string };
  const target = originalUrl ?? url;
  const path = pathOf(target);
  if (path.endsWith('/')) return false;
  // Two slashes at the beginning would be another host's name.
  const location = encodeUrl(`${path.replace(/^\/+/, '/')}/${queryOf(target)}`);
  const body = `Redirecting to ${location}\n`;
  res.writeHead(301, {
    Location: location,
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
  });
  res.end(body);
  return true;
}
