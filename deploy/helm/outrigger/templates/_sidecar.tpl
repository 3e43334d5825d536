{{/* The sidecar, as an entry of initContainers: what "outrigger inject" adds. */}}
{{- define "outrigger.container" -}}
- name: outrigger
  image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  args: [run, --config, /etc/outrigger/outrigger.yaml]
  restartPolicy: Always
  ports:
    - { name: telemetry, containerPort: 15020 }
  startupProbe:
    httpGet: { path: /ready, port: telemetry }
    periodSeconds: 1
    failureThreshold: 30
  livenessProbe:
    httpGet: { path: /live, port: telemetry }
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities: { drop: [ALL] }
    seccompProfile: { type: RuntimeDefault }
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  volumeMounts:
    - { name: outrigger, mountPath: /etc/outrigger, readOnly: true }
{{- end }}

{{/* Its config, as an entry of volumes. */}}
{{- define "outrigger.volume" -}}
- name: outrigger
  configMap: { name: {{ .Values.configMap.name | quote }} }
{{- end }}
