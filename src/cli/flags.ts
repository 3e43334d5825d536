/** The commands that exist. */
export const COMMANDS = [
  'run',
  'check',
  'demo',
  'services',
  'explain',
  'tap',
  'top',
  'register',
  'inject',
  'simulate',
  'schema',
  'completions',
] as const;
export type Command = (typeof COMMANDS)[number];

/** How many words may follow a command; none where it is not named. */
export const WORDS: Readonly<Partial<Record<Command, number>>> = {
  services: 1,
  explain: 1,
  tap: 1,
  top: 1,
  completions: 1,
};

/** What `completions` knows. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** One flag: how it is written, where it belongs, and what `--help` says of it. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** How its value is called; null when it takes none. */
  readonly value: string | null;
  /** The value may be left out, and is bound with "=" when it is there. */
  readonly bare?: boolean;
  readonly repeatable: boolean;
  readonly commands: readonly Command[];
  readonly text: string;
}

const RUN_AND_CHECK = ['run', 'check'] as const;

/** Those that ask a running sidecar. */
const ASK_SIDECAR = ['explain', 'tap', 'top'] as const;

/** Those that know registries. */
const KNOW_REGISTRIES = [...RUN_AND_CHECK, 'services', 'register'] as const;

/** What says where instances are, without a file. */
const NAME_REGISTRIES = [...KNOW_REGISTRIES, 'inject'] as const;

function option(
  name: string,
  value: string,
  text: string,
  repeatable = false,
  commands: readonly Command[] = RUN_AND_CHECK,
): Flag {
  return { name, value, text, repeatable, commands };
}

function registryOption(name: string, value: string, text: string, repeatable = false): Flag {
  return option(name, value, text, repeatable, KNOW_REGISTRIES);
}

function registerOption(name: string, value: string, text: string): Flag {
  return option(name, value, text, false, ['register']);
}

function simulateOption(name: string, value: string, text: string): Flag {
  return option(name, value, text, false, ['simulate']);
}

/** What `register` takes when no config says it. */
const REGISTER_FLAGS: readonly Flag[] = [
  registerOption('service', 'NAME', 'under this name; with --etcd or --consul, and without a config'),
  registerOption('address', 'HOST:PORT', 'where others reach the app'),
  registerOption('port', 'PORT', 'the port of the app; the host is the address on the way to the registry'),
  registerOption('app-version', 'VERSION', 'the version of the app'),
  registerOption(
    'health',
    'CHECK',
    'registered while it passes: grpc, grpc:NAME, http:/PATH, tcp (if not given) or off',
  ),
  registerOption('ttl', 'DURATION', 'how long the record outlives this process; 15s if not given'),
  registerOption('id', 'NAME', 'its own name in the registry'),
];

function tapOption(name: string, value: string, text: string): Flag {
  return option(name, value, text, false, ['tap']);
}

/** Which requests `tap` shows; some names are those of other commands' flags, with another meaning. */
const TAP_FLAGS: readonly Flag[] = [
  tapOption('status', 'STATUS', '503, 5xx, a gRPC code (14 or UNAVAILABLE), or errors'),
  tapOption('instance', 'HOST:PORT', 'only those that this instance served'),
  tapOption('method', 'PATH', 'a path, the beginning of one that ends in "/", or the name of a gRPC method'),
  tapOption('version', 'VERSION', 'only those that this version served'),
];

/** Every flag. `args.ts` reads them and `help.ts` prints them. */
export const FLAGS: readonly Flag[] = [
  option('config', 'FILE', 'the config; else ./outrigger.yaml, then /etc/outrigger/outrigger.yaml', false, [
    ...KNOW_REGISTRIES,
    ...ASK_SIDECAR,
    'simulate',
  ]),
  option('etcd', 'URL[,URL]', 'no file: look every name up in this etcd', true, NAME_REGISTRIES),
  option('consul', 'URL', 'no file: look every name up at this Consul agent', false, NAME_REGISTRIES),
  option('file', 'PATH', 'no file: look every name up in this file of records', false, [...RUN_AND_CHECK, 'services']),
  option(
    'path',
    'PATH',
    "where to look, with --etcd, --consul or --file; '/services/{service}/', in Consul '{service}'",
    false,
    [...RUN_AND_CHECK, 'services'],
  ),
  registerOption(
    'path',
    'PATH',
    "where to register, with --etcd or --consul; '/services/{service}/', in Consul '{service}'",
  ),
  option(
    'path',
    'PATH',
    "where the sidecar is to look, with --etcd or --consul; '/services/{service}/', in Consul '{service}'",
    false,
    ['inject'],
  ),
  registryOption(
    'format',
    'NAME',
    'format of the records: auto, plain, grpc, hwholiday, kratos, go-micro, kitex, dubbo, nerve, outrigger',
  ),
  option('static', 'NAME=ADDRESS[@VERSION],...', 'no file: a service and its instances; once per service', true),
  option('listen', 'ADDRESS', 'where the app sends its requests: host:port or unix:/path', true),
  option('admin', 'ADDRESS', 'where state is shown', false, [...RUN_AND_CHECK, 'services', ...ASK_SIDECAR]),
  option('telemetry', 'ADDRESS', '/metrics, /ready, /live'),
  option('workers', 'NUMBER', 'data threads'),
  option('log-level', 'LEVEL', 'debug, info, warn or error', false, [...RUN_AND_CHECK, 'register']),
  ...REGISTER_FLAGS,
  {
    name: 'registry',
    value: '[=NAME]',
    bare: true,
    repeatable: false,
    commands: ['services'],
    text: 'list what this registry holds, instead of what the sidecar knows; the name may also follow alone',
  },
  {
    name: 'json',
    value: null,
    repeatable: false,
    commands: ['services', 'check', ...ASK_SIDECAR, 'simulate'],
    text: 'print JSON',
  },
  simulateOption('service', 'NAME', 'this service of the config; the first if not given'),
  simulateOption('instances', 'NUMBER', 'how many there are; 10000 if not given'),
  simulateOption('calls', 'NUMBER', 'how many come; 1000000 if not given'),
  simulateOption('sidecars', 'NUMBER', 'how many make them; 1 if not given'),
  simulateOption('fail', 'SHARE', 'so many instances answer every call with an error, at once: 1%'),
  simulateOption('slow', 'SHARE', 'so many take ten times as long: 5%'),
  simulateOption('rate', 'NUMBER', 'calls per second of all sidecars together; ten for each instance if not given'),
  simulateOption('seed', 'NUMBER', 'other random numbers; 1 if not given'),
  {
    name: 'header',
    short: 'H',
    value: "'NAME: VALUE'",
    repeatable: true,
    commands: ['explain'],
    text: 'a header of the request',
  },
  option('method', 'PATH', 'path of the request, of gRPC the whole method: /book.Book/Get', false, ['explain']),
  option('interval', 'DURATION', 'time between two looks; 1s if not given', false, ['top']),
  option('sort', 'KEY', 'service (if not given), requests, errors, p50, p99, in-flight or share', false, ['top']),
  {
    name: 'dial',
    value: null,
    repeatable: false,
    commands: ['check'],
    text: 'also connect to every instance that the registries tell of, and say how it went',
  },
  {
    name: 'filename',
    short: 'f',
    value: 'FILE',
    repeatable: false,
    commands: ['inject'],
    text: 'the manifests; - for standard input',
  },
  option('image', 'IMAGE', 'the image of the sidecar', false, ['inject']),
  option('config-map', 'NAME', 'the ConfigMap with the key outrigger.yaml; "outrigger" if not given', false, [
    'inject',
  ]),
  option('mode', 'MODE', 'native: an init container that goes on running (Kubernetes 1.29), or plain', false, [
    'inject',
  ]),
  { name: 'uninject', value: null, repeatable: false, commands: ['inject'], text: 'take the sidecar out again' },
  { name: 'keep', value: null, repeatable: false, commands: ['demo'], text: 'leave everything running afterwards' },
  { name: 'help', short: 'h', value: null, repeatable: false, commands: COMMANDS, text: 'this text' },
  { name: 'version', value: null, repeatable: false, commands: ['run'], text: 'the version' },
  ...TAP_FLAGS,
];
