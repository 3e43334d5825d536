import { Connection } from '../../src/http2/connection.ts';

/**
 * Every connection of this process that reads something from now on, on whichever side: also those that the data plane keeps to
 * itself. It stays so for the rest of the process.
 */
export function everyConnection(): Set<Connection> {
  const seen = new Set<Connection>();
  const receive = Connection.prototype.receive;
  Connection.prototype.receive = function (this: Connection, ...octets: Parameters<typeof receive>): void {
    seen.add(this);
    receive.apply(this, octets);
  };
  return seen;
}

/**
 * Octets of the connection window that the peer has neither used nor will get back; negative when it got too many. Of a connection
 * on which nothing is open any more.
 */
export function lackingCredit({ receiver: { window } }: Connection): number {
  // Whatever was taken and not announced yet comes out with a whole window on top, and is put back.
  const increment = window.consume(window.size);
  const lacking = 2 * window.size - window.available;
  window.available -= increment;
  window.consume(increment - window.size);
  return lacking;
}
