import * as z from 'zod';
import { endpointUrl, text } from './fields.ts';
import { emptyProtection, tls } from './schema_registry_fields.ts';

const LABEL_KEY = 'the key of a label, such as version or app.kubernetes.io/version';

/** `type: kubernetes`. */
export const kubernetes = z.strictObject({
  type: z.literal('kubernetes'),
  address: endpointUrl
    .optional()
    .describe(
      'URL of the API server. Without it the one of the cluster that this runs in (KUBERNETES_SERVICE_HOST), asked as the service ' +
        'account of the pod.',
    ),
  token_file: text()
    .optional()
    .describe(
      'File with the token to show, read again for every request, since tokens expire. By default the one of the service account ' +
        'when there is no `address`, and none when there is. Relative to the config.',
    ),
  tls: tls.optional().describe('For an https address; without `address` the `ca` is that of the service account.'),
  namespace: z
    .string({ error: 'the name of a namespace' })
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, { error: 'the name of a namespace' })
    .optional()
    .describe("Where services are whose path names no namespace. By default the pod's own, outside of pods `default`."),
  version_label: z
    .string({ error: LABEL_KEY })
    .regex(/^([A-Za-z0-9.-]{1,253}\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, { error: LABEL_KEY })
    .default('version')
    .describe(
      "The label of an EndpointSlice that holds its instances' version. Kubernetes copies the labels of a Service to its slices.",
    ),
  empty_protection: emptyProtection,
});
