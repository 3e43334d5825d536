import { plainText, tableText } from '../table.ts';
import type { ListedRecord } from './ask.ts';

/** What a registry holds, for people: those that are there, those that are switched off, and those that cannot be read. */
export function registryText(records: readonly ListedRecord[], where: string): string {
  const { there, off, bad } = sorted(records);
  const parts: string[] = [];
  if (there.length > 0) {
    const withService = there.some(({ service }) => service !== null);
    const header = ['KEY', 'ADDRESS', 'VERSION', 'WEIGHT', 'ZONE', 'FORMAT'];
    const rows = there.flatMap(({ service, key, format, instances }) =>
      instances.map(({ address, version, weight, zone }) => {
        const row = [key, address, version, weight, zone, format];
        return withService ? [service, ...row] : row;
      }),
    );
    parts.push(tableText(withService ? ['SERVICE', ...header] : header, rows));
  }
  if (off.length > 0) {
    const lines = off.map(({ key, format }) => `  ${plainText(key)} (${format})`);
    parts.push(`${counted(off.length, 'record says', 'records say')} that nobody is there:\n${lines.join('\n')}\n`);
  }
  if (bad.length > 0) {
    const lines = bad.map(({ key, problem }) => `  ${plainText(key)} ${plainText(problem ?? '')}`);
    parts.push(`${counted(bad.length, 'record cannot', 'records cannot')} be read:\n${lines.join('\n')}\n`);
  }
  return parts.length === 0 ? `${where} holds no records.\n` : parts.join('\n');
}

/** The same for programs. */
export function registryJson(registry: string, type: string, records: readonly ListedRecord[]): string {
  const { there, off, bad } = sorted(records);
  const listed = {
    registry,
    type,
    instances: there.flatMap(({ service, key, format, instances }) =>
      instances.map((instance) => ({ service, key, ...instance, format })),
    ),
    off: off.map(({ service, key, format }) => ({ service, key, format })),
    bad: bad.map(({ service, key, format, problem }) => ({ service, key, format, problem })),
  };
  return `${JSON.stringify(listed, null, 2)}\n`;
}

function sorted(records: readonly ListedRecord[]) {
  return {
    there: records.filter(({ instances }) => instances.length > 0),
    off: records.filter(({ instances, problem }) => problem === null && instances.length === 0),
    bad: records.filter(({ problem }) => problem !== null),
  };
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
