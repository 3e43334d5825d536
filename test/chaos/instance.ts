import { startGrpcServer } from '../support/grpc_server.ts';
import { seeded } from '../support/seeded.ts';

/** What an instance is told while it runs. */
export type Order =
  /** This share of the calls (0 to 1) ends with this status, at once; which of them, `seed` says. */
  | { readonly kind: 'fail'; readonly share: number; readonly status: number; readonly seed: number }
  /** GOAWAY on every connection; calls in flight may end. */
  | { readonly kind: 'goaway' }
  /** Answer with `{ seen }`: how many calls there have been to each service, by its name. */
  | { readonly kind: 'count' };

/*
 * One instance of the service, in a process of its own:
 *
 *     node test/chaos/instance.ts NAME HOST:PORT [STREAMS]
 *
 * It says `{ port }` when it listens, takes orders, ends gracefully on SIGTERM, and goes when its parent does.
 */
const [name = 'a', address = '127.0.0.1:0', streams] = process.argv.slice(2);
const orders: { share: number; status: number } = { share: 0, status: 14 };
const seen: Record<string, number> = {};
let random = seeded(0);
const server = await startGrpcServer({
  name,
  address,
  streams: streams === undefined ? undefined : Number(streams),
  verdict(service) {
    seen[service] = (seen[service] ?? 0) + 1;
    return random() < orders.share ? orders.status : null;
  },
});
process.on('message', (order: Order) => {
  if (order.kind === 'fail') {
    Object.assign(orders, { share: order.share, status: order.status });
    random = seeded(order.seed);
  }
  if (order.kind === 'goaway') server.goaway(2_000);
  if (order.kind === 'count') process.send?.({ seen });
});
process.on('SIGTERM', () => void server.drain().then(() => process.exit(0)));
process.on('disconnect', () => process.exit(0));
process.send?.({ port: server.port });
