import type { ExplainStep, Explanation } from '../../model/explain.ts';
import { ageText } from '../age.ts';
import { painter } from '../paint.ts';
import { plainText } from '../table.ts';

/** Instances named for each filter. */
const MOST_NAMED = 5;

/** Why this instance, for people. `now` in epoch milliseconds. */
export function explanationText(explanation: Explanation, now: number, color: boolean): string {
  const paint = painter(color);
  const { service, registry, path, updatedAt, trouble, steps, balance, byChance, choice, next, error } = explanation;
  const rows: [string, string][] = [['service', `${service ?? '-'}: ${explanation.routed}`]];
  if (registry !== null) {
    const age = updatedAt === 0 ? 'has not answered yet' : `confirmed ${ageText(Math.max(0, now - updatedAt))} ago`;
    const where = path === null || path === '' ? '' : `, ${path}`;
    rows.push([
      'registry',
      `${registry}${where}: ${age}${trouble === null ? '' : `; ${paint('red', plainText(trouble))}`}`,
    ]);
  }
  const lines = rows.map(([label, text]) => `${label.padEnd(WIDTH)}  ${text}`);
  for (const step of steps) lines.push(...stepLines(step, color));
  if (balance !== null)
    lines.push(`${'policy'.padEnd(WIDTH)}  ${balance}${byChance ? ' (by chance: what follows is an example)' : ''}`);
  if (choice !== null) lines.push(`${'choice'.padEnd(WIDTH)}  ${paint(['bold', 'green'], plainText(choice))}`);
  if (next.length > 0) lines.push(`${'then'.padEnd(WIDTH)}  ${next.map(plainText).join(', ')}`);
  if (error !== null)
    lines.push(`${'error'.padEnd(WIDTH)}  ${paint('red', `${error.reason}: ${plainText(error.message)}`)}`);
  return `${lines.join('\n')}\n`;
}

/** Of the labels. */
const WIDTH = 10;

function stepLines({ filter, about, kept, removed, examples }: ExplainStep, color: boolean): string[] {
  const paint = painter(color);
  const mark = kept === 0 ? paint('red', '✗') : removed === 0 ? paint('green', '✓') : paint('yellow', '●');
  const counts = removed === 0 ? `${kept} of ${kept}` : `${kept} of ${kept + removed}`;
  const lines = [`${filter.padEnd(WIDTH)}  ${mark} ${counts}  ${paint('dim', plainText(about))}`];
  for (const { instance, version, why } of examples.slice(0, MOST_NAMED)) {
    const name = `${instance}${version === null ? '' : ` (${version})`}`;
    lines.push(`${' '.repeat(WIDTH)}    - ${plainText(name)}: ${plainText(why)}`);
  }
  const more = removed - Math.min(examples.length, MOST_NAMED);
  if (more > 0) lines.push(`${' '.repeat(WIDTH)}    - and ${more} more`);
  return lines;
}
