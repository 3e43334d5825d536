import { readFile } from 'node:fs/promises';
import { describeError, OutriggerError } from '../../base/errors.ts';
import type { CertificateFiles } from '../../config/tls_options.ts';
import type { TlsMaterial } from '../../model/tls.ts';

/** Certificates that could be read and fit together. */
export interface LoadedCertificates {
  readonly material: TlsMaterial;
  /** From when to when our own certificate is valid, in epoch milliseconds; null when there is none. */
  readonly validity: { readonly from: number; readonly to: number } | null;
}

/** A file of certificates is small; what is larger is another file by mistake. In bytes. */
const MAX_FILE_SIZE = 4 * 1024 * 1024;

/** Reads the files of one `tls:`. Rejects with an OutriggerError (`tls_unreadable`) that names the key and the file. */
export async function readCertificates(files: CertificateFiles): Promise<TlsMaterial> {
  const { id, minVersion } = files;
  const [ca, cert, key] = await Promise.all([readPem(files, 'ca'), readPem(files, 'cert'), readPem(files, 'key')]);
  return { id, ca, cert, key, minVersion };
}

/** Both at once. */
export async function loadCertificates(files: CertificateFiles): Promise<LoadedCertificates> {
  return checkCertificates(files, await readCertificates(files));
}

/**
 * Makes sure that what was read can be used. Throws an OutriggerError (`tls_invalid`) that names the key and the file. Whether a
 * certificate has expired is told, not judged.
 */
export function checkCertificates(files: CertificateFiles, material: TlsMaterial): LoadedCertificates {
  const { ca, cert, key, minVersion } = material;
  const { X509Certificate, createPrivateKey } = process.getBuiltinModule('node:crypto');
  const parse = <T>(which: 'ca' | 'cert' | 'key', work: () => T): T => {
    try {
      return work();
    } catch (cause) {
      const encrypted = which === 'key' && /ENCRYPTED/.test(key ?? '');
      throw invalid(
        files,
        which,
        encrypted ? 'the key is encrypted' : describeError(cause),
        HINTS[encrypted ? 'encrypted' : which],
      );
    }
  };
  if (ca !== null) {
    const blocks = ca.match(CERTIFICATES) ?? [];
    if (blocks.length === 0) throw invalid(files, 'ca', 'there is no certificate in it', HINTS.ca);
    for (const pem of blocks) parse('ca', () => new X509Certificate(pem));
  }
  if (cert === null || key === null) return { material, validity: null };
  const own = parse('cert', () => new X509Certificate(cert));
  const privateKey = parse('key', () => createPrivateKey(key));
  if (!own.checkPrivateKey(privateKey)) {
    throw invalid(files, 'key', `it is not the key of the certificate in ${files.cert}`, HINTS.pair);
  }
  // What is left that OpenSSL may not like: a key too short, a signature too weak.
  parse('cert', () =>
    process.getBuiltinModule('node:tls').createSecureContext({ cert, key, minVersion, ...(ca === null ? {} : { ca }) }),
  );
  return { material, validity: { from: Date.parse(own.validFrom), to: Date.parse(own.validTo) } };
}

const CERTIFICATES = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

const HINTS = {
  ca: 'it must be PEM: one or more "-----BEGIN CERTIFICATE-----" blocks',
  cert: 'it must be PEM: the certificate first, then those that lead to its authority',
  key: 'it must be PEM: "-----BEGIN PRIVATE KEY-----"',
  encrypted: 'decrypt it ("openssl pkey -in KEY -out PLAIN") and protect the file by its permissions',
  pair: 'give the certificate and the key that belong together',
} as const;

async function readPem(files: CertificateFiles, which: 'ca' | 'cert' | 'key'): Promise<string | null> {
  const path = files[which];
  if (path === null) return null;
  try {
    const content = await readFile(path);
    if (content.length > MAX_FILE_SIZE)
      throw new Error(`the file has ${content.length} bytes, at most ${MAX_FILE_SIZE} are read`);
    return content.toString('utf8');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new OutriggerError(
      'tls_unreadable',
      `${files.id}.${which}: ${path}: ${missing ? 'there is no such file' : describeError(cause)}`,
      {
        hint: missing
          ? 'create the file, or correct the path; it is relative to the config'
          : 'let the user that runs outrigger read it',
        cause,
      },
    );
  }
}

function invalid(files: CertificateFiles, which: 'ca' | 'cert' | 'key', problem: string, hint: string): OutriggerError {
  return new OutriggerError('tls_invalid', `${files.id}.${which}: ${files[which]}: ${problem}`, { hint });
}

/** Why our own certificate would be refused now; null when it would not. */
export function validityProblem(
  files: CertificateFiles,
  { validity }: LoadedCertificates,
  now: number,
): OutriggerError | null {
  if (validity === null || (now >= validity.from && now <= validity.to)) return null;
  const expired = now > validity.to;
  const problem = expired
    ? `the certificate has expired (${new Date(validity.to).toISOString()})`
    : `the certificate is not valid before ${new Date(validity.from).toISOString()}`;
  const hint = expired ? 'renew the certificate' : 'set the clock of this machine, or wait';
  return invalid(files, 'cert', problem, hint);
}
