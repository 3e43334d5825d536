/** The durations of the zookeeper registry, in milliseconds. */
export interface ZookeeperTiming {
  /** Longest wait for one server: for the connection with its session, and for the answer to one request. */
  readonly request: number;
  /** Longest wait of `check` for an answer, the loading of the client included. */
  readonly check: number;
  /** How often a server is asked whether it is still there: a frozen one keeps its sockets open. */
  readonly keepalive: number;
  /** How long a session outlives its connection on the server. Between 2 and 20 ticks of it, whatever is asked for. */
  readonly session: number;
  /** Changes that follow each other within this time become one answer; the first of them is told at once. */
  readonly coalesce: number;
  /** Shortest time between two listings of one path: each of them names all children, however few changed. */
  readonly relist: number;
}

export const ZOOKEEPER_TIMING: ZookeeperTiming = {
  request: 5_000,
  check: 2_000,
  keepalive: 5_000,
  session: 10_000,
  coalesce: 20,
  relist: 50,
};
