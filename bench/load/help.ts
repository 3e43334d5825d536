import { PEERS } from './peers/all.ts';
import { WORKLOADS } from './workloads/all.ts';

/** The text of `--help`. */
export function helpText(): string {
  const width = Math.max(
    ...[...WORKLOADS.map(({ id }) => id), ...PEERS.map(({ name }) => name)].map(({ length }) => length),
  );
  const workloads = WORKLOADS.map(
    ({ id, title, byDefault }) => `  ${id.padEnd(width)}  ${title}${byDefault ? '' : ' (only when named)'}`,
  );
  const peers = PEERS.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return `npm run bench -- [WORKLOAD...] [flags]

Measures Outrigger beside other proxies, in turns, on two CPUs, and prints a table; the same as JSON under bench/results/.

Examples:
  npm run bench
  npm run bench -- W1 --rounds 5 --against nghttpx
  npm run bench -- W2b W3 --against nghttpx,haproxy
  npm run bench -- --soak 10m

Workloads (all but the last if none is named; W2b and W5 stand for all that begin so):
${workloads.join('\n')}

Flags:
  --rounds N          rounds per workload; 3 if not given
  --against A[,B...]  only these peers
  --requests N        requests of each run, instead of the workload's own number
  --quick             very few of everything, one round: shows that it works, no figures
  --soak DURATION     also run the soak, for 30s, 10m, 1h ...
  --no-build          measure dist/ as it is
  --no-install        do not install missing peers (which needs root and apt-get)
  --help

Peers (all that are there if none is named):
${peers.join('\n')}
`;
}
