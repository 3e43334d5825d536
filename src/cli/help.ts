import { type Command, FLAGS, type Flag } from './flags.ts';

interface CommandHelp {
  readonly usage: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly text: string;
  readonly examples: readonly string[];
}

/** What `--help` says of each command; every example is parsed by a test. */
export const COMMAND_HELP: Readonly<Record<Command, CommandHelp>> = {
  run: {
    usage: 'outrigger [run] [flags] [-- command [arguments]]',
    summary: 'start the sidecar (what happens without a command)',
    text: `Takes HTTP/2 and gRPC requests on 127.0.0.1:15001 and picks an instance for each. With "-- command" it starts the app, too,
and ends with it. Flags win over the environment (OUTRIGGER_LISTEN, OUTRIGGER_ADMIN, OUTRIGGER_TELEMETRY, OUTRIGGER_WORKERS,
OUTRIGGER_LOG_LEVEL), which wins over the file. --etcd, --consul, --file and --static replace the file.`,
    examples: [
      'outrigger run --config outrigger.yaml',
      "outrigger run --etcd http://127.0.0.1:2379 --path '/services/{service}/'",
      'outrigger run --consul http://127.0.0.1:8500',
      'outrigger run --static book=127.0.0.1:50051@v1,127.0.0.1:50052@v2',
      'outrigger run --static book=127.0.0.1:50051,127.0.0.1:50052 -- node app.js',
    ],
  },
  check: {
    usage: 'outrigger check [flags]',
    summary: 'check a config, and say all that is wrong with it',
    text: `Prints every problem with its line, or what was understood; files of certificates are read, too. Starts nothing and connects to
nothing, unless --dial asks for it: then the registries are asked, their records read, clocks compared, and every instance is
connected to once, with TLS where the config says so: a tick or a cross for each, with a hint.`,
    examples: [
      'outrigger check --config outrigger.yaml',
      'outrigger check --config outrigger.yaml --dial',
      'outrigger check --config outrigger.yaml --dial --json',
      'outrigger check --static book=127.0.0.1:50051',
    ],
  },
  demo: {
    usage: 'outrigger demo [--keep]',
    summary: 'see it work: a sidecar, three instances and real calls',
    text: 'Starts a sidecar and three instances of a small gRPC service, makes calls through it, and shows who answered them.',
    examples: ['outrigger demo', 'outrigger demo --keep'],
  },
  services: {
    usage: 'outrigger services [NAME] [--admin ADDRESS] | outrigger services --registry [NAME] [--path PATH] [flags]',
    summary: 'list the instances that the sidecar knows, or what a registry holds',
    text: `Asks the running sidecar for its services, or for the one named: each instance with its state and what it was sent. With
--registry a registry of the config is asked itself, and no sidecar is needed: every record, the format it was read as, and those
that cannot be read. --path says where to look ('{service}' in it stands for any name); else that is what the config says.`,
    examples: [
      'outrigger services',
      'outrigger services book --json',
      'outrigger services --registry main --path /services/book/',
      "outrigger services --registry --etcd http://127.0.0.1:2379 --path '/services/{service}/'",
    ],
  },
  register: {
    usage: 'outrigger register [flags] [-- command [arguments]]',
    summary: 'register an app while it is well, and nothing else',
    text: `Keeps what "register:" of the config lists in its registry, or what the flags describe, for as long as the app's health
check passes, and puts it back whenever the registry loses it. On SIGTERM, or when the app after "--" ends, it is taken out first;
then the app is told to stop. "outrigger run" does the same for "register:" beside everything else.`,
    examples: [
      'outrigger register --config outrigger.yaml',
      'outrigger register --etcd http://127.0.0.1:2379 --service app --port 8089 --health grpc',
      'outrigger register --etcd http://127.0.0.1:2379 --service app --address 10.0.0.5:8089 --app-version v2 -- node app.js',
    ],
  },
  inject: {
    usage: 'outrigger inject -f FILE [--image IMAGE] [--config-map NAME] [--mode native|plain] [--uninject]',
    summary: 'put the sidecar into Kubernetes manifests',
    text: `Prints the manifests with the sidecar in every pod of a Deployment, StatefulSet, DaemonSet, Job, CronJob, Rollout or Pod; the rest
is passed on, comments are kept, and doing it twice changes nothing. It reads outrigger.yaml from a ConfigMap, or takes --etcd or
--consul with --path instead. A pod with the annotation outrigger/inject: disabled is left alone.`,
    examples: [
      'outrigger inject -f deployment.yaml',
      "outrigger inject -f deployment.yaml --etcd http://etcd:2379 --path '/services/{service}/'",
      'outrigger inject -f deployment.yaml --uninject',
    ],
  },
  simulate: {
    usage: 'outrigger simulate [flags]',
    summary: 'see how a policy spreads calls over a fleet that does not exist',
    text: `Runs the policy, the subset, the zones and the outlier detection of a service of the config, in simulated time and without a
socket, and prints how evenly calls and connections are spread, what one instance more or less moves, and how many calls hit
instances that fail or are slow. An answer takes 10 ms on average, whatever the load. The same seed gives the same figures.`,
    examples: [
      'outrigger simulate --config outrigger.yaml',
      'outrigger simulate --instances 10000 --calls 1000000 --fail 1% --slow 5%',
      'outrigger simulate --service book --sidecars 500 --json',
    ],
  },
  explain: {
    usage: "outrigger explain SERVICE [-H 'NAME: VALUE']... [--method PATH] [--admin ADDRESS]",
    summary: 'why this instance: what the sidecar would do with a request',
    text: `Asks the running sidecar which service a request is for, how old its knowledge of the instances is, which of them each filter
keeps and why it takes out the others, and whom the policy would choose, now and for the five requests after it. Nothing is sent.`,
    examples: [
      'outrigger explain book',
      'outrigger explain book -H x-version:v2',
      'outrigger explain book -H x-version:v2 -H x-user:ann --method /book.Book/Get --json',
    ],
  },
  tap: {
    usage: 'outrigger tap [SERVICE] [--version VERSION] [--status STATUS] [--instance HOST:PORT] [--method PATH]',
    summary: 'see requests as they end',
    text: `A line for each request that the running sidecar has served, as it ends: outcome, durations (total, and the sidecar's own part),
who served it. With --json an object per line. What nobody looks at costs nothing; when there is more than the terminal can take,
requests are left out and counted. Ctrl-C ends it.`,
    examples: [
      'outrigger tap',
      'outrigger tap book --status errors',
      'outrigger tap book --version v2 --method /book.Book/Get --json',
    ],
  },
  top: {
    usage: 'outrigger top [SERVICE] [--interval DURATION] [--sort KEY] [--admin ADDRESS]',
    summary: 'requests, errors and latencies per service and instance, live',
    text: `On a terminal a table that is drawn anew at each interval; keys change what it is sorted by (the first line says which), q
ends it. Elsewhere, and with --json, what happened in one interval. p50 and p99 are estimated within the buckets of the metrics.`,
    examples: ['outrigger top', 'outrigger top book --interval 5s --sort p99', 'outrigger top --json'],
  },
  completions: {
    usage: 'outrigger completions bash|zsh|fish',
    summary: 'print a script that completes command lines',
    text: `Commands and flags for a shell. In bash: source <(outrigger completions bash); in zsh the same, after compinit; in fish:
outrigger completions fish | source.`,
    examples: ['outrigger completions bash', 'outrigger completions zsh', 'outrigger completions fish'],
  },
  schema: {
    usage: 'outrigger schema',
    summary: 'print the JSON Schema of the config',
    text: 'For editors and checks: every key with its type, default and reason.',
    examples: ['outrigger schema'],
  },
};

const EXIT_CODES = 'Exit codes: 0 fine, 1 failed, 2 wrong usage or config.';

/** The text of `outrigger COMMAND --help`; of `outrigger --help` for null. */
export function helpText(command: Command | null): string {
  return command === null ? overview() : commandHelp(command);
}

function overview(): string {
  const commands = Object.entries(COMMAND_HELP);
  return `outrigger: a sidecar load balancer for HTTP/2 and gRPC that reads the registry you already run

Usage: outrigger [command] [flags]

Commands
${rows(commands.map(([name, { summary }]) => [name, summary]))}

"outrigger COMMAND --help" says more.

${body('run')}`;
}

function commandHelp(command: Command): string {
  return `Usage: ${COMMAND_HELP[command].usage}

${COMMAND_HELP[command].text}

${body(command)}`;
}

function body(command: Command): string {
  const flags = FLAGS.filter((flag) => flag.commands.includes(command));
  return `Flags${command === 'run' ? ' of run' : ''}
${rows(flags.map((flag) => [flagUsage(flag), flag.text]))}

Examples
${COMMAND_HELP[command].examples.map((example) => `  ${example}`).join('\n')}

${EXIT_CODES}
`;
}

function flagUsage(flag: Flag): string {
  const short = flag.short === undefined ? '' : `-${flag.short}, `;
  return `${short}--${flag.name}${flag.value === null ? '' : ` ${flag.value}`}`;
}

/** Names wider than this push their text to the next line. */
const WIDEST_NAME = 24;

function rows(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.min(WIDEST_NAME, Math.max(...pairs.map(([name]) => name.length)));
  return pairs
    .map(([name, text]) => {
      return name.length <= width ? `  ${name.padEnd(width)}  ${text}` : `  ${name}\n  ${' '.repeat(width)}  ${text}`;
    })
    .join('\n');
}
