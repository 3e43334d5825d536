import {
  type HedgePolicy,
  type OutlierSettings,
  type RequestRules,
  type RetryPolicy,
  type SlowStart,
  STATUS_NAMES,
} from '../model/resilience.ts';
import type { ServiceSettings } from '../model/service.ts';
import { formatDuration, formatShare } from './scalars.ts';

/** The keys of a service that say how requests are spread and how it survives instances that fail, under the names of the config file. */
export function resilienceText(settings: ServiceSettings): object {
  const { balance, timeout, retry, methods, outlier, panicThreshold, slowStart, maxConnectionAge } = settings;
  return {
    balance,
    timeout: durationText(timeout),
    retry: retryText(retry),
    methods: Object.fromEntries(Object.entries(methods).map(([path, rules]) => [path, methodText(rules, settings)])),
    outlier: outlier === null ? 'off' : outlierText(outlier),
    panic_threshold: formatShare(panicThreshold),
    slow_start: slowStartText(slowStart),
    max_connection_age: durationText(maxConnectionAge),
  };
}

/** What a method has from its service is left out, as in a file. */
function methodText({ timeout, retry, hedge, wants, balance }: RequestRules, service: RequestRules): object {
  return {
    version: wants,
    ...(balance === service.balance ? {} : { balance }),
    ...(timeout === service.timeout ? {} : { timeout: durationText(timeout) }),
    ...(retry === service.retry ? {} : { retry: retryText(retry) }),
    hedge: hedgeText(hedge),
  };
}

function retryText(retry: RetryPolicy | null): object | null {
  if (retry === null) return null;
  return {
    attempts: retry.attempts,
    timeout: durationText(retry.timeout),
    per_try_timeout: durationText(retry.perTryTimeout),
    on: codeNames(retry.on),
    backoff: { base: formatDuration(retry.backoff.base), max: formatDuration(retry.backoff.max) },
    non_idempotent: retry.nonIdempotent,
  };
}

function hedgeText(hedge: HedgePolicy | null): object | null {
  return hedge && { attempts: hedge.attempts, delay: formatDuration(hedge.delay) };
}

function outlierText(outlier: OutlierSettings): object {
  const { successRate: rate, failurePercentage: percentage } = outlier;
  return {
    consecutive_failures: outlier.consecutiveFailures,
    on: codeNames(outlier.failureCodes),
    interval: formatDuration(outlier.interval),
    base_ejection: formatDuration(outlier.baseEjection),
    max_ejection: formatDuration(outlier.maxEjection),
    max_ejected: formatShare(outlier.maxEjected),
    success_rate: rate && { stdev: rate.stdev, minimum_hosts: rate.minimumHosts, request_volume: rate.requestVolume },
    failure_percentage: percentage && {
      threshold: formatShare(percentage.threshold),
      minimum_hosts: percentage.minimumHosts,
      request_volume: percentage.requestVolume,
    },
  };
}

function slowStartText(slowStart: SlowStart | null): object | null {
  if (slowStart === null) return null;
  const { window, aggression, minimum } = slowStart;
  return { window: formatDuration(window), aggression, minimum: formatShare(minimum) };
}

function codeNames(codes: readonly number[]): string[] {
  return codes.map((code) => STATUS_NAMES[code] ?? String(code));
}

function durationText(ms: number | null): string | null {
  return ms === null ? null : formatDuration(ms);
}
