import type { Change } from '../../live/wire.ts';
import { el, setText } from './dom.ts';
import { ago, counted } from './format.ts';

/** What each kind says of one instance or of several, and how bad it is. */
const KINDS: Readonly<Record<string, readonly [text: string, tone: string]>> = {
  joined: ['joined', 'good'],
  changed: ['changed', ''],
  left: ['left', ''],
  ejected: ['ejected', 'bad'],
  lost: ['lost its connection', 'warn'],
  unreachable: ['cannot be reached', 'bad'],
  back: ['is back', 'good'],
  unhealthy: ['fails its health check', 'bad'],
  healthy: ['passes its health check', 'good'],
  registry_trouble: ['has trouble', 'bad'],
  registry_back: ['answers again', 'good'],
  reloaded: ['config reloaded', ''],
  reload_rejected: ['config rejected', 'bad'],
};

/** One change in a sentence. */
export function sentence({ kind, service, registry, instances, count }: Change): string {
  const [text] = KINDS[kind] ?? [kind];
  const of = service === null ? '' : ` (${service})`;
  if (registry !== null) return `registry ${registry} ${text}`;
  if (count === 0) return `${text}${of}`;
  return count === 1 ? `${instances[0] ?? ''} ${text}${of}` : `${counted(count, 'instance')} ${text}${of}`;
}

export interface JournalList {
  readonly element: HTMLElement;
  update(changes: readonly Change[], skew: number): void;
}

/** What changed lately, the newest first. */
export function journalList(limit: number): JournalList {
  const list = el('ol', { class: 'journal' });
  const none = el('p', { class: 'empty small' }, 'Nothing has changed since the sidecar started.');
  const element = el('div', {}, list, none);
  let shown = '';
  const ages: { readonly element: HTMLElement; readonly at: number }[] = [];
  return {
    element,
    update(changes, skew) {
      const part = changes.slice(0, limit);
      const key = part.map(({ id, times }) => `${id}.${times}`).join(' ');
      if (key !== shown) {
        shown = key;
        ages.length = 0;
        list.replaceChildren(
          ...part.map((change) => {
            const age = el('time', { datetime: new Date(change.at).toISOString() });
            ages.push({ element: age, at: change.at });
            return item(change, age);
          }),
        );
      }
      none.hidden = part.length > 0;
      for (const { element: age, at } of ages) setText(age, ago(Math.max(0, Date.now() + skew - at)));
    },
  };
}

function item(change: Change, age: HTMLElement): HTMLElement {
  const { kind, service, registry, instances, count, detail, times } = change;
  const [text, tone] = KINDS[kind] ?? [kind, ''];
  const who =
    registry !== null ? `registry ${registry}` : count > 1 ? counted(count, 'instance') : (instances[0] ?? '');
  const named = count > 1 ? `${instances.join(', ')}${count > instances.length ? ' …' : ''}` : '';
  const link = service === null ? null : el('a', { href: `#/service/${encodeURIComponent(service)}` }, service);
  return el(
    'li',
    { class: tone },
    el(
      'p',
      {},
      el('b', {}, who),
      who === '' ? '' : ' ',
      text,
      times > 1 ? ` (${times} times)` : '',
      link === null ? null : ' in ',
      link,
    ),
    el('small', {}, [named, detail ?? ''].filter(Boolean).join(' · ')),
    age,
  );
}
