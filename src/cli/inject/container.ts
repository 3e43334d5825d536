/** How the sidecar is put into a pod. */
export interface InjectOptions {
  readonly image: string;
  /** ConfigMap with the key `outrigger.yaml`; null: the arguments say it all. */
  readonly configMap: string | null;
  /** Further arguments of `outrigger run`. */
  readonly args: readonly string[];
  /**
   * `native`: an init container that goes on running (Kubernetes 1.29): starts before the app and ends after it. `plain`: a container beside
   * the app, for clusters before that.
   */
  readonly mode: 'native' | 'plain';
}

/** The name of our container and volume: by it they are found again. */
export const NAME = 'outrigger';
const TELEMETRY_PORT = 15_020;
const CONFIG_DIRECTORY = '/etc/outrigger';
/**
 * Longer than the app's own shutdown usually takes: a plain sidecar must outlive it. A command, since the clusters that need this mode
 * do not know the action `sleep` yet.
 */
const PLAIN_GRACE = ['sleep', '5'];

/** The container of the sidecar, as a manifest has it. */
export function sidecarContainer({ image, configMap, args, mode }: InjectOptions): Record<string, unknown> {
  const config = configMap === null ? [] : ['--config', `${CONFIG_DIRECTORY}/outrigger.yaml`];
  const native = mode === 'native';
  return {
    name: NAME,
    image,
    args: ['run', ...config, ...args],
    ...(native ? { restartPolicy: 'Always' } : {}),
    ports: [{ name: 'telemetry', containerPort: TELEMETRY_PORT }],
    // Of a native sidecar, this is what the app waits for.
    startupProbe: { httpGet: { path: '/ready', port: 'telemetry' }, periodSeconds: 1, failureThreshold: 30 },
    livenessProbe: { httpGet: { path: '/live', port: 'telemetry' } },
    ...(native ? {} : { lifecycle: { preStop: { exec: { command: PLAIN_GRACE } } } }),
    securityContext: {
      runAsNonRoot: true,
      // Those of the image: without them the pod's own would count, and root's be refused.
      runAsUser: 1000,
      runAsGroup: 1000,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } },
    // The whole directory: a single file mounted with subPath is never updated.
    ...(configMap === null ? {} : { volumeMounts: [{ name: NAME, mountPath: CONFIG_DIRECTORY, readOnly: true }] }),
  };
}
