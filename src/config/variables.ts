/** The environment, as `process.env` has it. */
export type Env = Readonly<Record<string, string | undefined>>;

/** A text with its variables replaced, or why that cannot be done. */
export type Expansion =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string; readonly hint: string | null };

/**
 * Replaces `${VAR}` and `${VAR:-default}`. As in a shell, the default also stands for a variable that is set but empty;
 * `$${` is a literal `${`. A replacement is never expanded again.
 */
export function expandVariables(text: string, env: Env): Expansion {
  let expanded = '';
  let at = 0;
  for (let dollar = text.indexOf('${'); dollar !== -1; dollar = text.indexOf('${', at)) {
    if (dollar > at && text[dollar - 1] === '$') {
      expanded += `${text.slice(at, dollar - 1)}\${`;
      at = dollar + 2;
      continue;
    }
    const end = text.indexOf('}', dollar);
    if (end === -1) return failure(`has "\${" without "}"`, 'write "$${" for a literal "${"');
    const reference = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(text.slice(dollar + 2, end));
    if (!reference || reference[2]?.includes('${')) {
      const seen = JSON.stringify(text.slice(dollar, end + 1));
      return failure(`expected \${NAME} or \${NAME:-default}, found ${seen}`, 'write "$${" for a literal "${"');
    }
    const name = reference[1] as string;
    const value = env[name];
    const fallback = reference[2];
    if (value === undefined && fallback === undefined) {
      return failure(
        `the environment variable ${name} is not set`,
        `set ${name}, or give a default: \${${name}:-default}`,
      );
    }
    expanded += text.slice(at, dollar) + (fallback !== undefined && !value ? fallback : value);
    at = end + 1;
  }
  return { ok: true, text: expanded + text.slice(at) };
}

function failure(message: string, hint: string): Expansion {
  return { ok: false, message, hint };
}
