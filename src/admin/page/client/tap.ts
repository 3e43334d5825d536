import { button, el, setText } from './dom.ts';
import { latency } from './format.ts';

const MOST_ROWS = 50;

/** One request as `GET /tap` tells it; what is missing is not shown. */
interface Tapped {
  readonly time?: number | string;
  readonly method?: string;
  readonly path?: string;
  readonly instance?: string | null;
  readonly version?: string | null;
  readonly status?: number;
  readonly grpc_status?: number | null;
  readonly reason?: string | null;
  readonly attempts?: number;
  readonly duration_ms?: number;
}

/** The requests of a service as they end, while somebody wants to see them. */
export function requestsList(service: string, available: boolean): { readonly element: HTMLElement; leave(): void } {
  const note = el('p', { class: 'muted', role: 'status' });
  if (!available) {
    note.textContent = 'This sidecar cannot show single requests.';
    return { element: note, leave() {} };
  }
  let source: EventSource | null = null;
  let waiting: Tapped[] = [];
  let frame = 0;
  const rows = el('tbody');
  const heads = ['Time', 'Request', 'Instance', 'Status', 'Took'].map((text) =>
    el('th', { scope: 'col', class: text === 'Took' ? 'num' : '' }, text),
  );
  const grid = el(
    'table',
    { class: 'requests', hidden: true, 'aria-label': 'Recent requests' },
    el('thead', {}, el('tr', {}, ...heads)),
    rows,
  );
  const draw = (): void => {
    frame = 0;
    grid.hidden = false;
    rows.prepend(...waiting.reverse().map(requestRow));
    waiting = [];
    while (rows.children.length > MOST_ROWS) rows.lastElementChild?.remove();
  };
  const stop = (said: string): void => {
    source?.close();
    source = null;
    setText(note, said);
    setText(toggle, 'Watch requests');
    toggle.setAttribute('aria-pressed', 'false');
  };
  const start = (): void => {
    const opened = new EventSource(`/tap?${new URLSearchParams({ service })}`);
    source = opened;
    setText(note, 'Watching: requests appear when they have ended.');
    setText(toggle, 'Stop');
    toggle.setAttribute('aria-pressed', 'true');
    const take = (event: Event): void => {
      waiting.push(JSON.parse((event as MessageEvent<string>).data) as Tapped);
      if (waiting.length > MOST_ROWS) waiting.shift();
      frame ||= requestAnimationFrame(draw);
    };
    opened.addEventListener('message', take);
    opened.addEventListener('request', take);
    opened.addEventListener('error', () => {
      if (source === opened) stop('The sidecar shows no requests at the moment. Try again.');
    });
  };
  const idle = 'Shows the requests of this service as they end, for as long as you watch.';
  const toggle = button('Watch requests', () => (source === null ? start() : stop(idle)), { 'aria-pressed': 'false' });
  setText(note, idle);
  return {
    element: el(
      'div',
      {},
      el('div', { class: 'tools' }, toggle, note),
      el('div', { class: 'scroll tall', tabindex: '0', role: 'region', 'aria-label': 'Requests' }, grid),
    ),
    leave() {
      source?.close();
      source = null;
      cancelAnimationFrame(frame);
    },
  };
}

function requestRow(request: Tapped): HTMLElement {
  const { time, method = '', path = '', instance, version, status, grpc_status: grpc, reason, attempts = 1 } = request;
  const failed = (status ?? 0) >= 500 || status === 0 || (grpc ?? 0) > 0;
  const told = [grpc === null || grpc === undefined ? String(status ?? '') : `gRPC ${grpc}`, reason ?? ''];
  const again = attempts > 1 ? `, ${attempts} attempts` : '';
  const at = time === undefined ? '' : new Date(time).toLocaleTimeString('en-GB');
  return el(
    'tr',
    {},
    el('td', { class: 'muted' }, at),
    el('td', { class: 'path' }, el('small', {}, `${method} `), path),
    el('td', {}, instance ?? 'none', el('small', {}, ` ${version ?? ''}${again}`)),
    el('td', { class: failed ? 'bad' : '' }, `${failed ? '✕ ' : ''}${told.filter(Boolean).join(' ')}`),
    el('td', { class: 'num' }, latency(request.duration_ms ?? null)),
  );
}
