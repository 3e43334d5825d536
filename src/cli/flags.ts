/** The commands that exist. */
export const COMMANDS = ['run', 'check', 'demo', 'schema'] as const;
export type Command = (typeof COMMANDS)[number];

/** One flag: how it is written, where it belongs, and what `--help` says of it. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** How its value is called; null when it takes none. */
  readonly value: string | null;
  readonly repeatable: boolean;
  readonly commands: readonly Command[];
  readonly text: string;
}

const RUN_AND_CHECK = ['run', 'check'] as const;

function option(name: string, value: string, text: string, repeatable = false): Flag {
  return { name, value, text, repeatable, commands: RUN_AND_CHECK };
}

/** Every flag. `args.ts` reads them and `help.ts` prints them. */
export const FLAGS: readonly Flag[] = [
  option('config', 'FILE', 'the config; else ./outrigger.yaml, then /etc/outrigger/outrigger.yaml'),
  option('etcd', 'URL[,URL]', 'no file: look every name up in this etcd', true),
  option('file', 'PATH', 'no file: look every name up in this file of records'),
  option('path', 'PATH', "where to look, with --etcd or --file; '/services/{service}/' if not given"),
  option('format', 'NAME', 'format of the records, with --etcd or --file: auto, plain, grpc, hwholiday'),
  option('static', 'NAME=ADDRESS[@VERSION],...', 'no file: a service and its instances; once per service', true),
  option('listen', 'ADDRESS', 'where the app sends its requests: host:port or unix:/path', true),
  option('admin', 'ADDRESS', 'where state is shown'),
  option('telemetry', 'ADDRESS', '/metrics, /ready, /live'),
  option('workers', 'NUMBER', 'data threads'),
  option('log-level', 'LEVEL', 'debug, info, warn or error'),
  { name: 'keep', value: null, repeatable: false, commands: ['demo'], text: 'leave everything running afterwards' },
  { name: 'help', short: 'h', value: null, repeatable: false, commands: COMMANDS, text: 'this text' },
  { name: 'version', value: null, repeatable: false, commands: ['run'], text: 'the version' },
];
