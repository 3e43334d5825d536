import { readFileSync } from 'node:fs';
import * as limits from '../src/http2/limits.ts';

const SOURCE = new URL('../src/http2/limits.ts', import.meta.url);
const KIB = 1024;

/** `docs/limits.md`: every bound of the engine with its value, and the reason that stands beside it in the source. */
export function limitsMarkdown(): string {
  const source = readFileSync(SOURCE, 'utf8');
  const { DOWNSTREAM_LIMITS: down, UPSTREAM_LIMITS: up } = limits;
  const perConnection = [...source.matchAll(/ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {2}readonly (\w+): ([\w| ]+);/g)];
  const rows = perConnection.map(([, doc, name]) => {
    const key = name as keyof limits.Limits;
    return `| \`${key}\` | ${shown(key, down[key])} | ${shown(key, up[key])} | ${prose(doc as string)} |`;
  });
  if (rows.length !== Object.keys(down).length) throw new Error('a limit without a comment cannot be documented');
  const constants = [...source.matchAll(/^\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport const ([A-Z_]+) = /gm)];
  const shared = constants.map(([, doc, name]) => {
    const value = (limits as unknown as Record<string, number>)[name as string] as number;
    return `| \`${name}\` | ${shown(name as string, value)} | ${prose(doc as string)} |`;
  });
  const [, head] = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport interface Limits/.exec(source) as RegExpExecArray;
  return `# Limits

What a client or an instance can make Outrigger do and hold is bounded. This page is made from \`src/http2/limits.ts\` (\`node .ci/docs.ts\`).
A breach ends the connection, or the stream alone where that is enough; it is counted by \`outrigger_protocol_errors_total{side, token}\`
and named in the debug data of GOAWAY. \`clients\` in [the configuration](configuration.md) sets \`MAX_CONNECTIONS\`, \`frameTimeout\`,
\`idleTimeout\` and \`stallTimeout\` for apps; \`services.*.limits\` bounds requests.

${prose(head as string)}

## Of one connection

| limit | of apps | of instances | what it is |
| --- | --- | --- | --- |
${rows.join('\n')}

## Of a data thread, and of all connections alike

| limit | value | what it is |
| --- | --- | --- |
${shared.join('\n')}
`;
}

function prose(doc: string): string {
  return doc
    .replace(/^\s*\* ?/gm, '')
    .replaceAll('\n', ' ')
    .replaceAll('|', '\\|')
    .trim();
}

/** Times in seconds, octets in KiB and MiB, anything else as it is. */
function shown(name: string, value: number | null): string {
  if (value === null) return 'none';
  if (/time_?out|interval/i.test(name)) return `${value / 1_000} s`;
  if (value >= KIB && value % KIB === 0 && !/streams/i.test(name)) {
    return value % (KIB * KIB) === 0 ? `${value / (KIB * KIB)} MiB` : `${value / KIB} KiB`;
  }
  return value.toLocaleString('en');
}
