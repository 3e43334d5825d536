import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Server } from '@grpc/grpc-js';
import type { HealthImplementation } from 'grpc-health-check';
import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/errors.ts';
import { instanceState } from '../observe/endpoint_state.ts';
import type { AdminView, Readiness } from './admin_view.ts';
import { listenFailed } from './listen_address.ts';

export interface GrpcServerOptions {
  /** Usually `127.0.0.1:15010`, or `unix:/path`. */
  readonly listen: string;
  readonly view: AdminView;
  readonly readiness: () => Readiness;
  readonly clock: Clock;
}

export interface GrpcServer {
  /** Where it listens, with the port that was picked. */
  readonly address: string;
  /** Never rejects. */
  close(): Promise<void>;
}

/** How often health is looked at, in milliseconds: who watches it hears of changes this much later. */
const LOOK_INTERVAL = 500;

/**
 * Serves gRPC's own tools: `grpc.health.v1.Health` ('' is the sidecar, as `/ready` has it; a service's name is SERVING while an instance of it is
 * ready), `grpc.channelz.v1.Channelz` with the gRPC channels of the control plane and this server, and server reflection of both. Rejects with
 * an OutriggerError (`listen_failed`).
 */
export async function startGrpcServer({ listen, view, readiness, clock }: GrpcServerOptions): Promise<GrpcServer> {
  const [grpc, { HealthImplementation: Health, protoPath }, { ReflectionService }, { loadSync }] = await Promise.all([
    import('@grpc/grpc-js'),
    import('grpc-health-check'),
    import('@grpc/reflection'),
    import('@grpc/proto-loader'),
  ]);
  const server = new grpc.Server();
  const health = new Health();
  health.addToServer(server);
  grpc.addAdminServicesToServer(server);
  // The package brings the file and does not say where.
  const channelz = join(dirname(createRequire(import.meta.url).resolve('@grpc/grpc-js')), '../../proto/channelz.proto');
  new ReflectionService(loadSync([protoPath, channelz])).addToServer(server);
  const stop = followHealth(health, view, readiness, clock);
  try {
    const port = await bind(server, grpc.ServerCredentials.createInsecure(), listen);
    const close = async (): Promise<void> => {
      stop();
      server.forceShutdown();
    };
    return { address: listen.startsWith('unix:') ? listen : listen.replace(/:0$/, `:${port}`), close };
  } catch (error) {
    stop();
    server.forceShutdown();
    throw listenFailed('admin_grpc', listen, error);
  }
}

function bind(server: Server, credentials: Parameters<Server['bindAsync']>[1], listen: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, credentials, (error, port) => {
      if (error === null) return resolve(port);
      const code = /EADDRINUSE|EACCES|EADDRNOTAVAIL|ENOTFOUND/.exec(describeError(error))?.[0];
      reject(Object.assign(error, code === undefined ? {} : { code }));
    });
  });
}

/** Tells `health` what has changed, until what it gives is called. */
function followHealth(
  health: HealthImplementation,
  view: AdminView,
  readiness: () => Readiness,
  clock: Clock,
): () => void {
  const told = new Map<string, boolean>();
  let cancel = (): void => {};
  const look = (): void => {
    const now = new Map([['', readiness().ready]]);
    for (const { name, instances } of view.services()) {
      const states = Array.from(instances, ({ counters }) => instanceState(view.counters, counters));
      now.set(name, states.includes('ready'));
    }
    for (const [name, serving] of now) {
      if (told.get(name) !== serving) health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
      told.set(name, serving);
    }
    for (const name of told.keys()) {
      if (now.has(name)) continue;
      health.setStatus(name, 'UNKNOWN');
      told.delete(name);
    }
    cancel = clock.after(LOOK_INTERVAL, look);
  };
  look();
  return () => cancel();
}
