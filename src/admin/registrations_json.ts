import type { AdminView } from './admin_view.ts';

/** One element of `GET /registrations`. The names are a promise to scripts. */
export interface RegistrationJson {
  readonly service: string;
  readonly registry: string;
  readonly address: string | null;
  readonly place: string | null;
  readonly state: string;
  readonly state_ms: number;
  readonly reason: string | null;
}

/** What `GET /registrations` shows. */
export function describeRegistrations(view: AdminView): RegistrationJson[] {
  const now = view.now();
  return (view.registrations?.() ?? []).map(({ since, ...rest }) => {
    const { service, registry, address, place, state, reason } = rest;
    return { service, registry, address, place, state, state_ms: Math.max(0, now - since), reason };
  });
}
