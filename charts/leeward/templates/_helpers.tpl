{{- define "leeward.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- /* Short enough for every suffix that is added to it. */ -}}
{{- define "leeward.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "leeward.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "leeward.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* What selectors name: these never change. */ -}}
{{- define "leeward.selector" -}}
app.kubernetes.io/name: {{ include "leeward.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "leeward.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: leeward
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "leeward.labels" -}}
{{ include "leeward.selector" . }}
{{ include "leeward.commonLabels" . }}
{{- end }}

{{- define "leeward.crds.labels" -}}
{{ include "leeward.labels" . }}
{{- end }}

{{- define "leeward.crds.keep" -}}
{{- if .Values.crds.keep }}true{{ end }}
{{- end }}

{{- define "leeward.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "leeward.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* The subject of every binding. */ -}}
{{- define "leeward.subject" -}}
- kind: ServiceAccount
  name: {{ include "leeward.serviceAccount" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{- /* A binding of a role in each namespace of enforce.namespaces: (list $ ROLE). */ -}}
{{- define "leeward.enforced" }}
{{- $top := index . 0 }}
{{- $role := index . 1 }}
{{- range $top.Values.enforce.namespaces }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ $role }}
  namespace: {{ . }}
  labels:
    {{- include "leeward.labels" $top | nindent 4 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ $role }}
subjects:
{{ include "leeward.subject" $top }}
{{- end }}
{{- end }}

{{- define "leeward.image" -}}
{{- $repository := .Values.image.repository }}
{{- with .Values.global.imageRegistry }}
{{- $repository = printf "%s/%s" . (regexReplaceAll "^[^/]*[.:][^/]*/" $repository "") }}
{{- end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- /* What no schema can say. */ -}}
{{- define "leeward.check" -}}
{{- if and (eq .Values.mode "namespaced") (not .Values.watchNamespaces) }}
{{- fail "mode namespaced needs watchNamespaces: the namespaces to watch" }}
{{- end }}
{{- if and (eq .Values.mode "cluster") .Values.watchNamespaces }}
{{- fail "watchNamespaces needs mode namespaced: mode cluster watches every namespace" }}
{{- end }}
{{- with .Values.enforce }}
{{- if and (not .enabled) (or .namespaces .targets .objectFields) }}
{{- fail "enforce.namespaces, enforce.targets and enforce.objectFields need enforce.enabled: without it nothing may be written" }}
{{- end }}
{{- if not .namespaces }}
{{- range .targets }}
{{- if $.Files.Get (printf "files/targets/namespace/%s.yaml" .) }}
{{- fail (printf "%s in enforce.targets needs enforce.namespaces: the namespaces in which such objects may be written" .) }}
{{- end }}
{{- end }}
{{- if .objectFields }}
{{- fail "enforce.objectFields needs enforce.namespaces: the namespaces in which such objects may be written" }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.prometheus.url (not .Values.prometheus.profiles) (not .Values.prometheus.allowUserPromql) }}
{{- fail "prometheus.url needs prometheus.profiles or prometheus.allowUserPromql: without either nothing would be asked" }}
{{- end }}
{{- if and (not .Values.prometheus.url) (or .Values.prometheus.profiles .Values.prometheus.allowUserPromql) }}
{{- fail "prometheus.profiles and prometheus.allowUserPromql need prometheus.url: the server to ask" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.networkPolicy.restrictPorts .Values.icmp.enabled }}
{{- fail "networkPolicy.restrictPorts shuts out pings, which the diagnosis would take for loss: set icmp.enabled=false with it" }}
{{- end }}
{{- end }}

{{- define "leeward.args" -}}
- run
- --name={{ .Values.installation }}
{{- range .Values.watchNamespaces }}
- --watch-namespace={{ . }}
{{- end }}
- --ingress-controller-namespace={{ join "," .Values.ingressControllers.namespaces }}
{{- with .Values.prober }}
{{- range .allowTargets }}
- --allow-target={{ . }}
{{- end }}
{{- range .denyTargets }}
- --deny-target={{ . }}
{{- end }}
{{- range .allowPorts }}
- --allow-port={{ . }}
{{- end }}
{{- if not .requireAllowedHosts }}
- --require-allowed-hosts=false
{{- end }}
{{- range .resolvers }}
- {{ printf "--resolver=%s" . | quote }}
{{- end }}
{{- with .control }}
- {{ printf "--control=%s" . | quote }}
{{- end }}
- --vantage={{ .vantage }}
{{- if .caConfigMap }}
- {{ printf "--ca-file=/etc/leeward/ca/%s" .caKey | quote }}
{{- end }}
{{- end }}
{{- with .Values.prometheus }}
{{- with .url }}
- {{ printf "--prometheus-url=%s" . | quote }}
{{- end }}
{{- if .profiles }}
- --traffic-profiles=/etc/leeward/profiles/profiles.yaml
{{- end }}
{{- if .allowUserPromql }}
- --allow-user-promql
{{- end }}
{{- end }}
{{- if .Values.statusPage.enabled }}
- --status-page=[::]:8081
- --status-page-service={{ include "leeward.fullname" . }}-status
{{- range .Values.statusPage.hosts }}
- {{ printf "--status-page-host=%s" . | quote }}
{{- end }}
{{- end }}
- --log-format={{ .Values.log.format }}
- {{ printf "--log-level=%s" .Values.log.level | quote }}
{{- range .Values.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{- /* Who runs it and where: the same for the operator and for helm test. */ -}}
{{- define "leeward.pod" -}}
serviceAccountName: {{ include "leeward.serviceAccount" . }}
automountServiceAccountToken: false
# It never needs to know the other Services of its namespace.
enableServiceLinks: false
{{- if not (kindIs "invalid" .Values.hostUsers) }}
hostUsers: {{ .Values.hostUsers }}
{{- end }}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
{{- toYaml . | nindent 0 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
  {{- if .Values.icmp.enabled }}
  # Echo requests to suspect addresses without any capability. Without it ping evidence reads Unavailable.
  sysctls:
  - name: net.ipv4.ping_group_range
    value: 65532 65532
  {{- end }}
volumes:
# What would be mounted by itself, but with a token of one hour that is renewed.
- name: api-access
  projected:
    defaultMode: 288 # 0440, which not every reader of YAML takes for an octal number
    sources:
    - serviceAccountToken:
        path: token
        expirationSeconds: 3600
    - configMap:
        name: kube-root-ca.crt
        items:
        - key: ca.crt
          path: ca.crt
    - downwardAPI:
        items:
        - path: namespace
          fieldRef:
            apiVersion: v1
            fieldPath: metadata.namespace
{{- end }}

{{- define "leeward.container" -}}
image: {{ include "leeward.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- define "leeward.env" -}}
# Names this replica in the Lease and in events.
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
# Where its own probes come from, so that no allowlist shuts them out unseen.
- name: POD_IPS
  valueFrom:
    fieldRef:
      fieldPath: status.podIPs
- name: LEEWARD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- end }}

{{- define "leeward.tokenMount" -}}
- name: api-access
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}
