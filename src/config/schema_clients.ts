import * as z from 'zod';
import { duration, whole } from './fields.ts';

const MOST_CONNECTIONS = 1_000_000;

/** `clients`: what apps may do to a data thread. The defaults are those of the engine; a test holds the two together. */
export const clientsSchema = z
  .strictObject({
    connections: whole(1, MOST_CONNECTIONS)
      .default(10_000)
      .describe(
        'Connections of apps that one data thread and address keeps open. Beyond it new ones are closed at once and counted. One app ' +
          'needs a handful.',
      ),
    header_timeout: duration(100)
      .prefault('10s')
      .describe(
        'How long a new connection may take to show what it speaks, and later each header block to arrive whole. Kept to 2.5s.',
      ),
    idle_timeout: duration(100, ', or null')
      .nullable()
      .prefault('1h')
      .describe('A connection without a request for this long is ended in order (GOAWAY); null: never. Kept to 2.5s.'),
    stall_timeout: duration(100, ', or null')
      .nullable()
      .prefault('5m')
      .describe(
        'An app that takes nothing of an answer for this long gets a reset (ENHANCE_YOUR_CALM); null: it may, as long as there is room ' +
          'for what waits. Kept to 2.5s.',
      ),
  })
  .prefault({});
