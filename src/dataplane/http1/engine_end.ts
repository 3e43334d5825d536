import { Connection } from '../../http2/connection.ts';
import type { ConnectionOwner } from '../../http2/connection_owner.ts';
import type { Flusher } from '../../http2/flusher.ts';
import type { Limits } from '../../http2/limits.ts';
import type { MemorySocket } from './memory_socket.ts';
import type { Pumped } from './stream_body.ts';

/** The engine at the end of a connection inside this thread at which bodies are Node streams. */
export class EngineEnd {
  readonly http2: Connection;
  /** Bodies that wait for a window. */
  readonly stalled = new Set<Pumped>();

  constructor(
    socket: MemorySocket,
    role: 'client' | 'server',
    owner: ConnectionOwner,
    limits: Limits,
    flusher: Flusher,
  ) {
    this.http2 = new Connection(socket, role, owner, limits, flusher);
    // After the connection has read the same octets: windows may have grown.
    socket.on('data', () => {
      if (this.stalled.size > 0) for (const body of [...this.stalled]) body.pump();
    });
  }
}
