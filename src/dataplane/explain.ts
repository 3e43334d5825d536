import { messageHead } from '../http2/header_rules.ts';
import { HeaderList } from '../http2/hpack/header_list.ts';
import type { BalancePolicy } from '../model/balancing.ts';
import {
  type ExplainRequest,
  type ExplainStep,
  type Explanation,
  MOST_REMOVED,
  type Removed,
} from '../model/explain.ts';
import { requestView } from './routing/request_view.ts';
import type { Router } from './routing/router.ts';
import type { Endpoint } from './upstream/endpoint.ts';
import { Refusal } from './upstream/selector.ts';

/** How many choices after the first are told. */
const NEXT = 5;

/** Policies whose choices are drawn. */
const BY_CHANCE: readonly string[] = [
  'random',
  'weighted_random',
  'least_request',
  'peak_ewma',
] satisfies BalancePolicy[];

/** What this thread would do with a request. Nothing is sent, and no policy moves on. */
export function explain(request: ExplainRequest, router: Router): Explanation {
  const fields = [':method', 'POST', ':scheme', 'http', ':path', request.path, ':authority', request.authority];
  for (const [name, value] of request.headers) fields.push(name, value);
  const list = new HeaderList(fields);
  const view = requestView(list, messageHead(list, 'request'));
  const { service, rule } = router.explain(view);
  if (service === null) return { ...NOTHING, routed: rule, error: { reason: 'no_route', message: rule } };
  const rules = service.rules(view.head.path);
  const about = {
    service: service.name,
    routed: rule,
    registry: service.settings.registry,
    path: service.settings.path,
    updatedAt: service.updatedAt,
    trouble: service.trouble,
    balance: rules.balance,
    byChance: BY_CHANCE.includes(rules.balance),
  };
  const steps: ExplainStep[] = [];
  // Those that this thread was told of: what `subset` leaves out, only the control plane knows.
  let left: readonly Endpoint[] = service.endpoints;
  steps.push(step('registered', `in registry "${about.registry}"`, left, []));
  const filter = (name: string, text: string, whyNot: (endpoint: Endpoint) => string | null): void => {
    const removed: Removed[] = [];
    const kept: Endpoint[] = [];
    for (const endpoint of left) {
      const why = whyNot(endpoint);
      if (why === null) kept.push(endpoint);
      else removed.push({ instance: endpoint.id, version: endpoint.record.version, why });
    }
    left = kept;
    steps.push(step(name, text, kept, removed));
  };
  const selected = service.select(view, rules);
  if (selected instanceof Refusal) {
    for (const { name, text, whyNot } of service.reasons(view, rules, null)) filter(name, text, whyNot);
    const { reason, message } = selected;
    return { ...NOTHING, ...about, steps, error: { reason, message } };
  }
  for (const { name, text, whyNot } of service.reasons(view, rules, selected)) filter(name, text, whyNot);
  const members = new Set(selected.members);
  const used = new Set(selected.preview(0, 0).candidates);
  filter('health', 'connected and well', (endpoint) => {
    if (!members.has(endpoint) || used.has(endpoint)) return null;
    return endpoint.lastError === '' ? endpoint.state : `${endpoint.state}: ${endpoint.lastError}`;
  });
  const { picks } = selected.preview(NEXT + 1, service.hashes ? service.keyOf(view) : 0);
  const [choice = null, ...next] = picks.map((endpoint) => endpoint.id);
  const refusal = choice === null ? service.noneReady(selected) : null;
  return {
    ...about,
    steps,
    choice,
    next,
    error: refusal === null ? null : { reason: refusal.reason, message: refusal.message },
  };
}

const NOTHING: Explanation = {
  service: null,
  routed: '',
  registry: null,
  path: null,
  updatedAt: 0,
  trouble: null,
  steps: [],
  balance: null,
  choice: null,
  next: [],
  byChance: false,
  error: null,
};

function step(filter: string, about: string, kept: readonly Endpoint[], removed: readonly Removed[]): ExplainStep {
  const examples = removed.slice(0, MOST_REMOVED);
  return { filter, about, kept: kept.length, removed: removed.length, examples };
}
