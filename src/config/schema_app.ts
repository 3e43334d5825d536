import * as z from 'zod';
import { name, text } from './fields.ts';
import { versionExpression } from './schema_routing.ts';

/** What the sidecar knows of the app beside it, and of itself. */
export const appSchema = z
  .strictObject({
    version: text('a version, or null')
      .nullable()
      .default(null)
      .describe('The version of the app, for `needs`; null: that of the first entry of `register`.'),
    zone: text('a zone, or null')
      .nullable()
      .default(null)
      .describe('Where it runs, for services with `zone: prefer`; null: nowhere in particular.'),
    id: text('a name, or null')
      .nullable()
      .default(null)
      .describe(
        'Tells this sidecar from the others, for services with `subset`; null: the name of the host, which in Kubernetes is the pod.',
      ),
  })
  .prefault({})
  .describe('The app beside this sidecar.');

/** Versions that go together: by version of the app, and then by service. */
export const needsSchema = z
  .record(text('a version of the app'), z.record(name, versionExpression))
  .default({})
  .describe(
    'Which versions of other services a version of the app may call: `{ v2: { user: v3 } }`. They hold for requests that name no version, ' +
      'in place of what the service says.',
  );
