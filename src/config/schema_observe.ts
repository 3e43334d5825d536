import * as z from 'zod';
import { ACCESS_LOG_MODES } from '../model/observation.ts';
import { share, text } from './fields.ts';

/** `access_log`. */
export const accessLogSchema = z
  .strictObject({
    mode: z
      .enum(ACCESS_LOG_MODES)
      .default('off')
      .describe(
        'Which requests are logged. errors: those that ended with HTTP 400 or above, or a gRPC status that is not OK. sampled: errors, and `sample` ' +
          'of the others.',
      ),
    sample: share(0)
      .prefault('1%')
      .describe('With `sampled`: the share of the requests that ended well. Drawn for each.'),
    format: z
      .enum(['json', 'text'])
      .default('json')
      .describe('json: an object per line, for collectors; text: for people.'),
    file: text('a path, or stdout')
      .default('stdout')
      .describe(
        'Where lines are appended: stdout, or a file, relative to the config. It is never reopened: rotate by copying and truncating, or let the ' +
          'collector read stdout.',
      ),
  })
  .prefault({});

const OTLP_URL = 'a URL such as http://127.0.0.1:4318';

/** `tracing`. */
export const tracingSchema = z.strictObject({
  otlp: z
    .string({ error: OTLP_URL })
    .superRefine((value, context) => {
      const url = URL.canParse(value) ? new URL(value) : null;
      if (url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') return;
      const hint = value.includes('://') ? null : `say the scheme, too: http://${value}`;
      context.addIssue({ code: 'custom', message: OTLP_URL, params: { hint } });
    })
    .describe('Where a collector takes OTLP over HTTP; /v1/traces is added unless it stands there.'),
  sample: share(0)
    .prefault('1%')
    .describe('Share of the requests that are traced when their caller has not decided; one that has is followed.'),
  service_name: text('a text, or null')
    .nullable()
    .default(null)
    .describe('The `service.name` of the spans; null: that of the first entry of `register`, else outrigger.'),
});

export type AccessLogInput = z.output<typeof accessLogSchema>;
export type TracingInput = z.output<typeof tracingSchema>;
