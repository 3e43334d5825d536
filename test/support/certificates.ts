import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from './sidecar.ts';

/** A certificate and its key: paths of PEM files. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** Subject alternative names as openssl writes them: `DNS:localhost`, `IP:127.0.0.1`, `URI:spiffe://a/b`. */
  readonly names?: readonly string[];
  readonly subject?: string;
  /** Not the usual two days from now: both as `YYYYMMDDHHMMSSZ`. */
  readonly valid?: { readonly from: string; readonly to: string };
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
/** What a server on this machine is called. */
export const LOCAL_NAMES = ['DNS:localhost', 'IP:127.0.0.1'];
/** Validities that are over, and that have not begun. */
export const PAST = { from: '20200101000000Z', to: '20200201000000Z' };
export const FUTURE = { from: '20900101000000Z', to: '20900201000000Z' };

/** An authority that signs certificates for tests, made with the openssl program: what is kept in a repository expires. */
export class Authority {
  /** Path of its own certificate. */
  readonly ca: string;
  readonly #directory: string;
  #issued = 0;

  constructor(name = 'Test Authority') {
    this.#directory = temporaryDirectory();
    this.ca = join(this.#directory, 'ca.pem');
    openssl('req', '-x509', ...NEW_KEY, '-days', '2', '-subj', `/CN=${name}`, '-keyout', this.#key, '-out', this.ca);
  }

  get #key(): string {
    return join(this.#directory, 'ca.key');
  }

  /** Signs a new key; for `localhost` and 127.0.0.1 unless told otherwise. */
  issue({ names = LOCAL_NAMES, subject = '/O=Outrigger/CN=test', valid }: IssueOptions = {}): Issued {
    const at = join(this.#directory, String(++this.#issued));
    const issued = { cert: `${at}.pem`, key: `${at}.key` };
    const extensions = [
      '-addext',
      'basicConstraints=critical,CA:FALSE',
      ...(names.length > 0 ? ['-addext', `subjectAltName=${names.join(',')}`] : []),
    ];
    const what = [...NEW_KEY, '-subj', subject, '-keyout', issued.key, ...extensions];
    if (valid === undefined) {
      openssl('req', '-x509', '-CA', this.ca, '-CAkey', this.#key, '-days', '2', ...what, '-out', issued.cert);
      return issued;
    }
    const request = `${at}.csr`;
    openssl('req', ...what, '-out', request);
    const times = ['-startdate', valid.from, '-enddate', valid.to];
    openssl('ca', '-batch', '-config', this.#database(), ...times, '-in', request, '-out', issued.cert, '-notext');
    return issued;
  }

  /** `openssl ca` is the only one that takes any dates, and wants files of its own. */
  #database(): string {
    const directory = join(this.#directory, 'db');
    const config = join(directory, 'ca.cnf');
    if (existsSync(config)) return config;
    mkdirSync(directory);
    writeFileSync(join(directory, 'index.txt'), '');
    writeFileSync(
      config,
      `[ca]
default_ca = test
[test]
database = ${join(directory, 'index.txt')}
new_certs_dir = ${directory}
certificate = ${this.ca}
private_key = ${this.#key}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = optional
organizationName = optional
`,
    );
    return config;
  }
}

/** What `tls:` of a config takes. */
export function filesOf(authority: Authority | null, issued: Issued | null): Record<string, string> {
  return { ...(authority === null ? {} : { ca: authority.ca }), ...issued };
}

/** The contents of `issued`, as Node's TLS takes them. */
export function pemOf({ cert, key }: Issued): { cert: string; key: string } {
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
}

function openssl(...args: string[]): void {
  try {
    execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 60_000 });
  } catch (error) {
    throw new Error(`openssl ${args.join(' ')}: ${(error as { stderr?: Buffer }).stderr?.toString() ?? error}`);
  }
}
