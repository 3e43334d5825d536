import { systemClock } from '../base/clock.ts';
import type { Config } from '../config/config.ts';
import { loadCertificates } from '../control/certificates/load.ts';
import { openRegistry } from '../control/registries/open.ts';
import { type ProbeResult, probe } from '../dataplane/upstream/probe.ts';
import { parseAddress } from '../model/instance.ts';
import { INBOUND, type TlsMaterial } from '../model/tls.ts';
import type { Output } from './check_print.ts';
import { ask } from './services/ask.ts';
import { configuredTargets } from './services/targets.ts';

/** Connections tried at the same time. */
const AT_ONCE = 16;

interface Dialed {
  readonly service: string;
  readonly address: string;
  readonly result: ProbeResult;
}

/**
 * `check --dial`: asks the registries once and connects to every instance as the sidecar would, with TLS where the config says so, and to the
 * app of `inbound`. Prints how each went, with a hint; resolves with how many did not work, registries included.
 */
export async function dialAll(config: Config, output: Output): Promise<number> {
  const materials = await readMaterials(config);
  const lines: string[] = [];
  let failures = 0;
  const found = new Map<string, Set<string>>();
  const note = (service: string, address: string): void => {
    found.set(service, (found.get(service) ?? new Set()).add(address));
  };
  for (const [name, options] of config.registries) {
    const registry = openRegistry(name, options);
    for (const target of await configuredTargets(config, registry)) {
      const { records, error } = await ask(registry, target, systemClock);
      if (error !== null) {
        failures++;
        lines.push(`  registry ${name}: ${error.message}`, ...(error.hint === null ? [] : [`    hint: ${error.hint}`]));
      }
      for (const { service, instances } of records ?? []) {
        for (const { address } of instances) note(service ?? target.query.service, address);
      }
    }
    await registry.close();
  }
  if (config.inbound !== null) note(INBOUND, config.inbound.forward);
  const jobs = [...found].flatMap(([service, addresses]) => Array.from(addresses, (address) => ({ service, address })));
  const dialed: Dialed[] = [];
  for (let from = 0; from < jobs.length; from += AT_ONCE) {
    const some = jobs.slice(from, from + AT_ONCE);
    dialed.push(...(await Promise.all(some.map((job) => dialOne(config, materials, job.service, job.address)))));
  }
  for (const { service, address, result } of dialed) {
    if (!result.ok) failures++;
    lines.push(`  ${service}  ${address}  ${result.ok ? 'fine' : 'FAILED'}: ${result.text}`);
    if (!result.ok && result.hint !== null) lines.push(`    hint: ${result.hint}`);
  }
  if (dialed.length === 0) lines.push('  there is no instance to connect to');
  output.out(`connections\n${lines.join('\n')}\n`);
  return failures;
}

async function dialOne(config: Config, materials: Materials, service: string, address: string): Promise<Dialed> {
  const target = parseAddress(address);
  if (target === null) return { service, address, result: { ok: false, text: 'it is no address', hint: null } };
  const settings = config.services.get(service)?.settings ?? (service === INBOUND ? null : config.discover?.settings);
  const tls = settings?.tls ?? null;
  const secure = tls && { tls, material: materials.get(tls.material) as TlsMaterial };
  return {
    service,
    address,
    result: await probe(target, secure, settings?.protocol),
  };
}

/** By the key of the config that they stand under. */
type Materials = ReadonlyMap<string, TlsMaterial>;

/** What cannot be read is a problem of the config, and has been told before. */
async function readMaterials(config: Config): Promise<Materials> {
  const loaded = await Promise.all(config.certificates.map((files) => loadCertificates(files)));
  return new Map(loaded.map(({ material }) => [material.id, material]));
}
