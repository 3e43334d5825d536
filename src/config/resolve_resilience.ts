import {
  type OutlierSettings,
  type RequestRules,
  type RetryPolicy,
  STATUS_NAMES,
  type StatusName,
} from '../model/resilience.ts';
import type { ServiceSettings } from '../model/service.ts';
import { resolveBalance } from './resolve_balance.ts';
import type { MethodInput, OutlierInput, RetryInput } from './schema_resilience.ts';
import type { DiscoverInput, ServiceInput } from './schema_services.ts';

type Resilience = Pick<
  ServiceSettings,
  | 'timeout'
  | 'retry'
  | 'hedge'
  | 'wants'
  | 'balance'
  | 'methods'
  | 'outlier'
  | 'panicThreshold'
  | 'slowStart'
  | 'maxConnectionAge'
>;

/**
 * The part of a service's settings that says how it survives instances that fail.
 * @param directory what relative paths are relative to
 */
export function resolveResilience(input: ServiceInput | DiscoverInput, directory: string): Resilience {
  // Hedging is for methods that may run twice: there is none for a whole service.
  const rules: RequestRules = {
    timeout: input.timeout,
    retry: resolveRetry(input.retry),
    hedge: null,
    wants: null,
    balance: resolveBalance(input.balance, directory),
  };
  return {
    ...rules,
    methods: Object.fromEntries(
      Object.entries(input.methods).map(([path, method]) => [path, resolveMethod(method, rules, directory)]),
    ),
    outlier: input.outlier === 'off' ? null : resolveOutlier(input.outlier),
    panicThreshold: input.panic_threshold,
    slowStart: input.slow_start,
    maxConnectionAge: input.max_connection_age,
  };
}

function resolveMethod(
  { timeout, retry, hedge, version, balance }: MethodInput,
  service: RequestRules,
  directory: string,
): RequestRules {
  return {
    timeout: timeout === undefined ? service.timeout : timeout,
    retry: retry === undefined ? service.retry : resolveRetry(retry),
    hedge,
    wants: version,
    balance: balance === undefined ? service.balance : resolveBalance(balance, directory),
  };
}

function resolveRetry(input: RetryInput | null): RetryPolicy | null {
  if (input === null) return null;
  const { attempts, timeout, per_try_timeout, on, backoff, non_idempotent } = input;
  return {
    attempts,
    timeout,
    perTryTimeout: per_try_timeout,
    on: on.map(codeOf),
    backoff,
    nonIdempotent: non_idempotent,
  };
}

function resolveOutlier(input: OutlierInput): OutlierSettings {
  const { success_rate: rate, failure_percentage: percentage } = input;
  return {
    consecutiveFailures: input.consecutive_failures,
    failureCodes: input.on.map(codeOf),
    interval: input.interval,
    baseEjection: input.base_ejection,
    maxEjection: input.max_ejection,
    maxEjected: input.max_ejected,
    successRate: rate && { stdev: rate.stdev, minimumHosts: rate.minimum_hosts, requestVolume: rate.request_volume },
    failurePercentage: percentage && {
      threshold: percentage.threshold,
      minimumHosts: percentage.minimum_hosts,
      requestVolume: percentage.request_volume,
    },
  };
}

function codeOf(name: StatusName): number {
  return STATUS_NAMES.indexOf(name);
}
