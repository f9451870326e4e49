// A directory as a page of links.
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';

import type { ServedFile } from './file';

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] as string);

/** The page for an opened directory; `path` is what its visitor asked for. Names that begin with a dot are left out. */
export async function listing(directory: ServedFile, path: string): Promise<string> {
  // By its descriptor: the path might lead elsewhere by now.
  const entries = await readdir(`/proc/self/fd/${directory.fd}`, { withFileTypes: true });
  const visible = entries.filter(({ name }) => !name.startsWith('.'));
  const title = escapeHtml(`Index of ${path}`);
  const parent = path === '/' ? '' : '<li><a href="../">../</a></li>\n';
  const items = visible.sort(byKindAndName).map(item).join('');
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title></head>
<body><h1>${title}</h1>
<ul>
${parent}${items}</ul></body>
</html>
`;
}

function byKindAndName(a: Dirent, b: Dirent): number {
  return Number(b.isDirectory()) - Number(a.isDirectory()) || (a.name < b.name ? -1 : 1);
}

function item(entry: Dirent): string {
  const name = entry.isDirectory() ? `${entry.name}/` : entry.name;
  // './', lest a name with a colon be taken for a scheme.
  const href = entry.isDirectory() ? `${encodeURIComponent(entry.name)}/` : encodeURIComponent(entry.name);
  return `<li><a href="./${href}">${escapeHtml(name)}</a></li>\n`;
}
