import type { Explanation } from '../../../model/explain.ts';
import { el, field } from './dom.ts';
import { counted } from './format.ts';

/** A small form that asks what would become of a request, and shows the answer as a funnel. */
export function explainForm(service: string): HTMLElement {
  const version = el('input', { name: 'version', placeholder: 'any', autocomplete: 'off', spellcheck: 'false' });
  const path = el('input', { name: 'path', value: '/', autocomplete: 'off', spellcheck: 'false' });
  const headers = el('input', {
    name: 'header',
    placeholder: 'x-user: ann; x-tenant: 7',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const answer = el('div', { class: 'answer', role: 'status' });
  const form = el(
    'form',
    { class: 'row' },
    field('Version', version),
    field('Path', path),
    field('Headers', headers),
    el('button', { type: 'submit', class: 'primary' }, 'Explain'),
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const query = new URLSearchParams({ service, path: path.value || '/' });
    if (version.value !== '') query.set('version', version.value);
    for (const header of headers.value.split(';').filter((text) => text.trim() !== ''))
      query.append('header', header.trim());
    void ask(query).then((...shown) => answer.replaceChildren(...shown));
  });
  const about = el(
    'p',
    { class: 'muted' },
    'What would become of a request? Nothing is sent: a data thread says what it would do.',
  );
  return el('div', {}, about, form, answer);
}

async function ask(query: URLSearchParams): Promise<HTMLElement> {
  try {
    const response = await fetch(`/explain?${query}`);
    const said = (await response.json()) as Explanation & { message?: string; hint?: string };
    if (!response.ok) return problem(said.message ?? `HTTP ${response.status}`, said.hint ?? '');
    return explained(said);
  } catch {
    return problem('The sidecar does not answer.', '');
  }
}

function problem(message: string, hint: string): HTMLElement {
  return el('p', { class: 'verdict bad' }, el('b', {}, message), ' ', hint);
}

function explained({ steps, routed, choice, next, byChance, balance, error, trouble }: Explanation): HTMLElement {
  const most = Math.max(1, ...steps.map(({ kept, removed }) => kept + removed));
  const verdict =
    error === null
      ? el(
          'p',
          { class: 'verdict good' },
          byChance ? 'For example ' : 'Next ',
          el('b', {}, choice ?? 'nobody'),
          next.length === 0 ? '' : `, then ${next.slice(0, 3).join(', ')}`,
          balance === null ? '' : ` (${balance}${byChance ? ', by chance' : ''})`,
        )
      : problem(error.reason, error.message);
  const funnel = steps.map(({ filter, about, kept, removed, examples }) => {
    const bar = el('i');
    bar.style.width = `${(kept / most) * 100}%`;
    const out = el(
      'ul',
      { class: 'out' },
      ...examples.map(({ instance, version, why }) =>
        el('li', {}, el('b', {}, instance), version === null ? '' : ` ${version}`, `: ${why}`),
      ),
    );
    return el(
      'li',
      {},
      el('b', {}, filter),
      el('span', { class: 'num' }, `${kept} left${removed > 0 ? `, ${removed} out` : ''}`),
      el('span', { class: 'bar', 'aria-hidden': 'true' }, bar),
      el('span', { class: 'muted' }, about),
      examples.length === 0
        ? null
        : el('details', {}, el('summary', {}, `Why ${counted(removed, 'instance')} went out`), out),
    );
  });
  return el(
    'div',
    {},
    verdict,
    el('p', { class: 'muted' }, routed, trouble === null ? '' : ` Registry: ${trouble}`),
    el('ol', { class: 'funnel' }, ...funnel),
  );
}
