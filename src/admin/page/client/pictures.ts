import { el, setAttribute, setText, svg } from './dom.ts';
import { bound, counted, latency, percent, rate } from './format.ts';
import { HISTORY, type InstanceState, type ServiceState, shares, versions } from './store.ts';

/** A line over the last minute and a half. */
export interface Sparkline {
  readonly element: SVGElement;
  update(values: readonly (number | null)[]): void;
}

const HEIGHT = 24;

export function sparkline(about: string, tone: 'calm' | 'bad'): Sparkline {
  const area = svg('path', { class: 'area' });
  const line = svg('path', { class: 'line', 'vector-effect': 'non-scaling-stroke' });
  const viewBox = `0 0 ${HISTORY - 1} ${HEIGHT}`;
  const attributes = { class: `spark ${tone}`, viewBox, preserveAspectRatio: 'none', role: 'img', 'aria-label': about };
  const element = svg('svg', attributes, area, line);
  return {
    element,
    update(values) {
      const known = values.filter((value) => value !== null);
      const most = Math.max(...known, 0);
      const top = Math.max(most, 1e-9);
      const first = HISTORY - values.length;
      // A stroke at the very edge would be cut in half.
      const y = (value: number): string => (HEIGHT - 1 - (value / top) * (HEIGHT - 3)).toFixed(1);
      const points = values.map((value, index) => `${first + index} ${y(value ?? 0)}`).join('L');
      line.setAttribute('d', points === '' ? '' : `M${points}`);
      area.setAttribute('d', points === '' ? '' : `M${first} ${HEIGHT}L${points}L${HISTORY - 1} ${HEIGHT}Z`);
      element.classList.toggle('flat', most === 0);
      const now = rate(known.at(-1) ?? null);
      setAttribute(element, 'aria-label', `${about}, last ${HISTORY} seconds: now ${now}, at most ${rate(most)}`);
    },
  };
}

/** Which of the six colours belongs to a version: by its place among the versions there are. */
export function toneOf(service: ServiceState): (version: string | null) => string {
  const names = versions(service).map(({ version }) => version);
  return (version) => `tone${Math.max(0, names.indexOf(version ?? '')) % 6}`;
}

/** Widths say how requests are shared out: a piece per instance, or per version when there are too many to see. */
export function shareBar(): { readonly element: HTMLElement; update(service: ServiceState): void } {
  const element = el('div', { class: 'sharebar', role: 'img' });
  return {
    element,
    update(service) {
      const tone = toneOf(service);
      const shareOf = shares(service);
      const all = versions(service);
      const used = service.instances.filter(({ state }) => state !== 'spare');
      const pieces =
        used.length <= 40
          ? used
              .sort((a, b) => all.findIndex(has(a)) - all.findIndex(has(b)))
              .map((instance) => ({ share: shareOf(instance), tone: tone(instance.version), title: instance.address }))
          : all.map(({ version, share }) => ({ share, tone: tone(version), title: version }));
      const idle = pieces.every(({ share }) => share === null);
      element.classList.toggle('idle', idle);
      element.hidden = pieces.length === 0;
      while (element.children.length > pieces.length) element.lastElementChild?.remove();
      while (element.children.length < pieces.length) element.append(el('i'));
      for (const [index, { share, tone, title }] of pieces.entries()) {
        const piece = element.children[index] as HTMLElement;
        piece.style.flexGrow = String(idle ? 1 : (share ?? 0));
        setAttribute(piece, 'class', tone);
        setAttribute(piece, 'title', `${title}: ${percent(share)}`);
      }
      const told = all.map(({ version, share }) => `${version === '' ? 'no version' : version} ${percent(share)}`);
      setAttribute(element, 'aria-label', idle ? 'no requests to share out' : `share of requests: ${told.join(', ')}`);
    },
  };
}

const has =
  (instance: InstanceState) =>
  ({ version }: { version: string }): boolean =>
    version === (instance.version ?? '');

/** One bar per latency bucket, and where half and 99% of the requests end. */
export function histogram(bounds: readonly number[]): { element: HTMLElement; update(service: ServiceState): void } {
  const bars = Array.from({ length: bounds.length + 1 }, () => el('i'));
  const labels = bars.map((_, index) => {
    const upper = bounds[index];
    return el('span', {}, upper === undefined ? 'more' : bound(upper));
  });
  const columns = bars.map((bar, index) => el('div', { class: 'bucket' }, bar, labels[index] as HTMLElement));
  const caption = el('figcaption');
  const plot = el('div', { class: 'plot', role: 'img' }, ...columns);
  const element = el('figure', { class: 'histogram' }, plot, caption);
  return {
    element,
    update({ tick }) {
      const weights = tick?.latency ?? [];
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      const most = Math.max(...weights, 1e-9);
      for (const [index, bar] of bars.entries()) {
        const weight = weights[index] ?? 0;
        // Below each bar stands its label.
        bar.style.height = weight === 0 ? '0' : `max(2px, calc((100% - 18px) * ${weight / most}))`;
        const column = columns[index] as HTMLElement;
        column.classList.toggle('some', weight > 0);
        const upper = bounds[index] ?? null;
        const range = upper === null ? 'more than that' : `up to ${latency(upper * 1000)}`;
        setAttribute(column, 'title', `${range}: ${percent(total === 0 ? null : weight / total)}`);
      }
      element.classList.toggle('idle', total === 0);
      const { p50 = null, p99 = null } = tick ?? {};
      const told = `half of the requests within ${latency(p50)}, 99% within ${latency(p99)}`;
      setText(caption, total === 0 ? 'No requests in the last seconds.' : `Milliseconds, by bucket: ${told}.`);
      setAttribute(
        plot,
        'aria-label',
        total === 0 ? 'no requests' : `${counted(Math.round(total), 'request')}: ${told}`,
      );
    },
  };
}

/** Shapes, so that states can be told apart without colours. */
const SHAPES: Readonly<Record<string, string>> = {
  ready: 'M6 1.5a4.5 4.5 0 1 0 .01 0Z',
  connecting: 'M6 1a5 5 0 1 0 5 5H9.4A3.4 3.4 0 1 1 6 2.6Z',
  backoff: 'M6 1 11.5 11H.5Z',
  unhealthy: 'M2.3.9 6 4.6 9.7.9l1.4 1.4L7.4 6l3.7 3.7-1.4 1.4L6 7.4l-3.7 3.7L.9 9.7 4.6 6 .9 2.3Z',
  ejected: 'M1 1h10v10H1Zm2 4v2h6V5Z',
  draining: 'M4.5 1h3v5H11l-5 5.5L1 6h3.5Z',
  spare: 'M2 5h8v2H2Z',
};

export interface StateMark {
  readonly element: HTMLElement;
  update(state: string, reason: string | null): void;
}

/** A state in shape, colour and word, and why it is so. */
export function stateMark(): StateMark {
  const path = svg('path', { 'fill-rule': 'evenodd' });
  const word = el('span');
  const why = el('small', { class: 'why' });
  const icon = svg('svg', { viewBox: '0 0 12 12', 'aria-hidden': 'true' }, path);
  const element = el('span', { class: 'state' }, icon, word, why);
  return {
    element,
    update(state, reason) {
      setAttribute(element, 'class', `state ${state}`);
      setAttribute(path, 'd', SHAPES[state] ?? '');
      setText(word, state);
      setText(why, reason ?? '');
      setAttribute(why, 'title', reason);
    },
  };
}
