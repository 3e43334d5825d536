const SECRET_KEY = /token|passw|secret|credential|authorization|api_?key/i;

/**
 * A copy of plain data in which no secret stands: whatever is found under a key that is named like one, the user
 * information of URLs and private keys are replaced by `***`. What is empty stays empty, so that a forgotten secret can be seen.
 */
export function redact(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, SECRET_KEY.test(key) ? mask(inner) : redact(inner)]),
  );
}

function redactText(text: string): string {
  if (text.includes('PRIVATE KEY-----')) return '***';
  return text.replaceAll(/\b([a-z][a-z0-9+.-]*:\/\/)[^/?#\s]*@/gi, '$1***@');
}

function mask(value: unknown): unknown {
  return value === null || value === undefined || value === '' ? value : '***';
}
