// Everything that a run leaves behind: results.json, results.md and the plots.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { toMarkdown } from './markdown.mjs';
import { drawPlots } from './plots.mjs';
import { summarize } from './summary.mjs';

/**
 * @typedef {object} Report
 * @property {import('../cells.mjs').CellReport[]} cells
 * @property {import('./plots.mjs').Plot[]} plots
 */

/**
 * @param {string} folder
 * @param {import('../cells.mjs').CellReport[]} cells
 * @returns {Promise<string>} The Markdown text.
 */
export async function writeReport(folder, cells) {
  const plots = drawPlots(cells);
  const markdown = toMarkdown({ cells, plots });
  const data = cells.map((cell) => ({ ...cell, summary: summarize(cell) }));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'results.json'), `${JSON.stringify({ cells: data }, null, 1)}\n`);
  await writeFile(join(folder, 'results.md'), markdown);
  await Promise.all(plots.map(({ file, svg }) => writeFile(join(folder, file), svg)));
  return markdown;
}
