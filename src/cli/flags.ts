/** The commands that exist. */
export const COMMANDS = ['run', 'check', 'demo', 'services', 'register', 'inject', 'schema'] as const;
export type Command = (typeof COMMANDS)[number];

/** How many words may follow a command; none where it is not named. */
export const WORDS: Readonly<Partial<Record<Command, number>>> = { services: 1 };

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

/** What `register` takes when no config says it. */
const REGISTER_FLAGS: readonly Flag[] = [
  registerOption('service', 'NAME', 'no file: register under this name, with --etcd or --consul'),
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

/** Every flag. `args.ts` reads them and `help.ts` prints them. */
export const FLAGS: readonly Flag[] = [
  registryOption('config', 'FILE', 'the config; else ./outrigger.yaml, then /etc/outrigger/outrigger.yaml'),
  option('etcd', 'URL[,URL]', 'no file: look every name up in this etcd', true, NAME_REGISTRIES),
  option('consul', 'URL', 'no file: look every name up at this Consul agent', false, NAME_REGISTRIES),
  option('file', 'PATH', 'no file: look every name up in this file of records', false, [...RUN_AND_CHECK, 'services']),
  option(
    'path',
    'PATH',
    "where to look, with --etcd, --consul or --file; '/services/{service}/', in Consul '{service}'",
    false,
    NAME_REGISTRIES,
  ),
  registryOption(
    'format',
    'NAME',
    'format of the records: auto, plain, grpc, hwholiday, kratos, go-micro, kitex, dubbo, nerve, outrigger',
  ),
  option('static', 'NAME=ADDRESS[@VERSION],...', 'no file: a service and its instances; once per service', true),
  option('listen', 'ADDRESS', 'where the app sends its requests: host:port or unix:/path', true),
  option('admin', 'ADDRESS', 'where state is shown', false, [...RUN_AND_CHECK, 'services']),
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
  { name: 'json', value: null, repeatable: false, commands: ['services'], text: 'print JSON' },
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
  option('config-map', 'NAME', 'the ConfigMap with the key outrigger.yaml; "outrigger" if not given', false, ['inject']),
  option('mode', 'MODE', 'native: an init container that goes on running (Kubernetes 1.29), or plain', false, ['inject']),
  { name: 'uninject', value: null, repeatable: false, commands: ['inject'], text: 'take the sidecar out again' },
  { name: 'keep', value: null, repeatable: false, commands: ['demo'], text: 'leave everything running afterwards' },
  { name: 'help', short: 'h', value: null, repeatable: false, commands: COMMANDS, text: 'this text' },
  { name: 'version', value: null, repeatable: false, commands: ['run'], text: 'the version' },
];
