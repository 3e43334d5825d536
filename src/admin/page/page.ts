import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { acceptsGzip } from '../accept_encoding.ts';
import { compress } from '../compress.ts';
import type { AdminRequest, Answer } from '../router.ts';

/** The page, whole in one answer. */
let page: Promise<{ readonly plain: Answer; readonly packed: Answer }> | null = null;

/** What a browser gets for `GET /`: read when the first one asks. Rejects when the program's own files cannot be read. */
export async function pageAnswer({ headers }: Pick<AdminRequest, 'headers'>): Promise<Answer> {
  page ??= read().catch((error: unknown) => {
    page = null;
    throw error;
  });
  const { plain, packed } = await page;
  return acceptsGzip(headers['accept-encoding']) ? packed : plain;
}

async function read(): Promise<{ plain: Answer; packed: Answer }> {
  const html = await source();
  const headers = {
    'content-security-policy': policyFor(html),
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    vary: 'accept, accept-encoding',
  };
  const plain: Answer = { status: 200, type: 'text/html; charset=utf-8', body: Buffer.from(html), headers };
  const packed = { ...plain, body: await compress(html), headers: { ...headers, 'content-encoding': 'gzip' } };
  return { plain, packed };
}

/** Put together at build time; run from source, now. */
async function source(): Promise<string> {
  if (extname(import.meta.url) !== '.ts') return readFile(new URL('index.html', import.meta.url), 'utf8');
  const { assemblePage } = await import('./assemble.ts');
  return assemblePage();
}

/**
 * Nothing but the style and the script that stand in the page runs, nothing is loaded, nobody else is talked to, and text can never
 * become markup (Trusted Types without a policy).
 */
function policyFor(html: string): string {
  // Loaded by the first who opens the page: a start does not wait for it.
  const { createHash } = process.getBuiltinModule('node:crypto');
  const hash = (element: string): string => {
    const [, text = ''] = new RegExp(`<${element}[^>]*>(.*?)</${element}>`, 's').exec(html) ?? [];
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  return [
    "default-src 'none'",
    `script-src ${hash('script')}`,
    `style-src ${hash('style')}`,
    'img-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
