import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface Options {
  /** Ids of workloads, in the order of the list of all. */
  readonly workloads: readonly string[];
  /** Names of the peers to measure beside us. */
  readonly against: readonly string[];
  readonly rounds: number;
  /** Requests of every run, instead of the workload's own number. */
  readonly requests: number | null;
  readonly quick: boolean;
  readonly build: boolean;
  readonly install: boolean;
  /** Length of the soak in milliseconds. */
  readonly soak: number;
}

/** What there is to choose from. */
export interface Choices {
  readonly workloads: readonly { readonly id: string; readonly group: string; readonly byDefault: boolean }[];
  readonly peers: readonly string[];
}

export type Parsed =
  | { readonly kind: 'run'; readonly options: Options }
  | { readonly kind: 'help' }
  /** Wrong usage: to be shown, exit code 2. */
  | { readonly kind: 'usage'; readonly message: string };

const FLAGS = {
  rounds: { type: 'string' },
  against: { type: 'string', multiple: true },
  requests: { type: 'string' },
  soak: { type: 'string' },
  quick: { type: 'boolean' },
  'no-build': { type: 'boolean' },
  'no-install': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const DEFAULT_ROUNDS = 3;
const DEFAULT_SOAK = 600_000;

/** Takes the command line apart (without the program). Names of workloads are those of single ones (`W2b-10k`) or of groups (`W2b`). */
export function parseCommandLine(argv: readonly string[], choices: Choices): Parsed {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return usage(`${(error as Error).message}\nflags: ${names(Object.keys(FLAGS).map((flag) => `--${flag}`))}`);
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };

  const chosen = new Set<string>();
  for (const name of positionals) {
    const found = choices.workloads.filter(({ id, group }) => [id, group].some((known) => same(known, name)));
    const known = new Set(choices.workloads.flatMap(({ id, group }) => [group, id]));
    if (found.length === 0) return usage(`unknown workload "${name}"\nthere are: ${names(known)}`);
    for (const { id } of found) chosen.add(id);
  }
  const soak = values.soak === undefined ? DEFAULT_SOAK : milliseconds(values.soak);
  if (soak === null) return usage(`--soak ${values.soak}: expected a duration such as 30s or 10m`);
  if (values.soak !== undefined) chosen.add('soak');
  const workloads = choices.workloads.filter(({ id, byDefault }) => (chosen.size === 0 ? byDefault : chosen.has(id)));

  const asked = (values.against ?? []).flatMap((list) => list.split(',')).filter((name) => name !== '');
  for (const name of asked) {
    if (!choices.peers.includes(name)) return usage(`unknown peer "${name}"\nthere are: ${names(choices.peers)}`);
  }
  const rounds = whole(values.rounds ?? String(values.quick ? 1 : DEFAULT_ROUNDS));
  if (rounds === null) return usage(`--rounds ${values.rounds}: expected a whole number from 1 on`);
  const requests = values.requests === undefined ? null : whole(values.requests);
  if (values.requests !== undefined && requests === null) {
    return usage(`--requests ${values.requests}: expected a whole number from 1 on`);
  }
  return {
    kind: 'run',
    options: {
      workloads: workloads.map(({ id }) => id),
      against: choices.peers.filter((name) => asked.length === 0 || asked.includes(name)),
      rounds,
      requests,
      quick: values.quick ?? false,
      build: !values['no-build'],
      install: !values['no-install'],
      soak,
    },
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: FLAGS, allowPositionals: true });
}

function usage(message: string): Parsed {
  return { kind: 'usage', message };
}

function same(known: string, name: string): boolean {
  return known.toLowerCase() === name.toLowerCase();
}

function names(all: Iterable<string>): string {
  return [...all].join(', ');
}

function whole(text: string): number | null {
  return /^[1-9]\d*$/.test(text) ? Number(text) : null;
}

/** `90s`, `10m`, `1h`; null for anything else. */
function milliseconds(text: string): number | null {
  const match = /^([1-9]\d*)(s|m|h)$/.exec(text);
  if (match === null) return null;
  return Number(match[1]) * { s: 1_000, m: 60_000, h: 3_600_000 }[match[2] as 's' | 'm' | 'h'];
}
