import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Context } from './context.ts';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Both in one, as HAProxy wants it. */
  readonly both: string;
}

/** A self-signed certificate for this run, the same for all proxies: P-256, as certificates are made today. The load generator checks none. */
export function benchCertificate(context: Context): Certificate {
  const at = (name: string): string => join(context.directory, name);
  const made = { cert: at('tls.crt'), key: at('tls.key'), both: at('tls.pem') };
  if (existsSync(made.both)) return made;
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', made.key, '-out', made.cert];
  execFileSync('openssl', ['req', '-x509', ...kind, ...names, ...files], { stdio: 'ignore' });
  writeFileSync(made.both, readFileSync(made.cert, 'utf8') + readFileSync(made.key, 'utf8'), { mode: 0o600 });
  return made;
}
