import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { OutriggerError } from '../../../src/base/errors.ts';
import type { CertificateFiles } from '../../../src/config/tls_options.ts';
import { loadCertificates, validityProblem } from '../../../src/control/certificates/load.ts';
import { Authority, FUTURE, PAST } from '../../support/certificates.ts';
import { present } from '../../support/requires.ts';
import { temporaryDirectory } from '../../support/sidecar.ts';

const testWith = present('openssl') ? test : test.skip;
const directory = temporaryDirectory();
const NOTHING: CertificateFiles = { id: 'services.book.tls', ca: null, cert: null, key: null, minVersion: 'TLSv1.2' };

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

async function problemOf(files: Partial<CertificateFiles>): Promise<string> {
  try {
    await loadCertificates({ ...NOTHING, ...files });
    return 'none';
  } catch (error) {
    const { code, message, hint } = error as OutriggerError;
    return `${code}: ${message} -> ${hint}`;
  }
}

testWith('what fits together is passed on as it stands in the files, with the time it is valid', async (t) => {
  const authority = new Authority();
  const issued = authority.issue();
  const { material, validity } = await loadCertificates({ ...NOTHING, ca: authority.ca, ...issued });
  t.is(material.ca, readFileSync(authority.ca, 'utf8'));
  t.is(material.cert, readFileSync(issued.cert, 'utf8'));
  t.is(material.key, readFileSync(issued.key, 'utf8'));
  t.true(validity !== null && validity.from <= Date.now() && validity.to > Date.now());
  t.is((await loadCertificates(NOTHING)).validity, null);
});

testWith('every problem names the key, the file and what to do', async (t) => {
  const authority = new Authority();
  const [one, other] = [authority.issue(), authority.issue()];
  const missing = join(directory, 'missing.pem');
  t.is(
    await problemOf({ ca: missing }),
    `tls_unreadable: services.book.tls.ca: ${missing}: there is no such file -> create the file, or correct the path; it is relative to the config`,
  );
  t.regex(await problemOf({ ca: directory }), /^tls_unreadable: services\.book\.tls\.ca: .*EISDIR/);
  const nonsense = file('nonsense.pem', 'hello');
  t.regex(
    await problemOf({ ca: nonsense }),
    /^tls_invalid: services\.book\.tls\.ca: .*nonsense\.pem: there is no certificate in it -> it must be PEM/,
  );
  t.regex(
    await problemOf({ ...one, cert: nonsense }),
    /^tls_invalid: services\.book\.tls\.cert: .*nonsense\.pem: .* -> it must be PEM/,
  );
  t.regex(
    await problemOf({ ...one, key: nonsense }),
    /^tls_invalid: services\.book\.tls\.key: .*nonsense\.pem: .* -> it must be PEM/,
  );
  t.regex(
    await problemOf({ cert: one.cert, key: other.key }),
    /^tls_invalid: services\.book\.tls\.key: .* it is not the key of the certificate in .* belong together/,
  );
  const half = file('half.pem', readFileSync(authority.ca, 'utf8').replace(/\n.{40}/, '\n'));
  t.regex(await problemOf({ ca: half }), /^tls_invalid: services\.book\.tls\.ca: .*half\.pem/);
  const encrypted = join(directory, 'encrypted.key');
  execFileSync('openssl', ['pkey', '-in', one.key, '-aes256', '-passout', 'pass:hunter2', '-out', encrypted]);
  t.regex(await problemOf({ ...one, key: encrypted }), /the key is encrypted -> decrypt it/);
});

const asUser = process.getuid?.() === 0 ? test.skip : testWith;
asUser('a file that may not be read says so', async (t) => {
  const path = file('forbidden.pem', '');
  chmodSync(path, 0);
  t.regex(await problemOf({ ca: path }), /^tls_unreadable: .*EACCES.* -> let the user that runs outrigger read it$/);
});

testWith('a certificate that has expired, or is not valid yet, is told with its date', async (t) => {
  const authority = new Authority();
  const problem = async (valid: typeof PAST | undefined): Promise<string | undefined> => {
    const files = { ...NOTHING, ...authority.issue(valid === undefined ? {} : { valid }) };
    return validityProblem(files, await loadCertificates(files), Date.now())?.message;
  };
  t.regex((await problem(PAST)) ?? '', /^services\.book\.tls\.cert: .*: the certificate has expired \(2020-02-01T/);
  t.regex(
    (await problem(FUTURE)) ?? '',
    /^services\.book\.tls\.cert: .*: the certificate is not valid before 2090-01-01T/,
  );
  t.is(await problem(undefined), undefined);
});
