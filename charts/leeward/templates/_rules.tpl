{{- /* Read in one namespace or in all. Every rule names why it is there; there is none on Secrets, and none that writes
an object of somebody else. */ -}}
{{- define "leeward.rules.origins" }}
# What it is asked to look after.
- apiGroups: [leeward.dev]
  resources: [protectedorigins]
  verbs: [list, watch]
# What it answers. The spec is never written, and of the rest only a finalizer, where mode Enforce is bound (below).
- apiGroups: [leeward.dev]
  resources: [protectedorigins/status]
  verbs: [patch]
# Endpoints of origins of type Service, and why there are none: pods that crash or are not ready.
- apiGroups: [""]
  resources: [services, pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
# What already stands between the proxy and the origin: policies that block, allowlists that lack a prefix.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies, ingresses]
  verbs: [list, watch]
# Which hosts lead to an origin, and which Secret's name they give for the certificate (the Secret itself is never read).
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, gateways]
  verbs: [list, watch]
# Trust anchors that origins name in caBundle. Only those that are named are asked for, each by its name.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [list, watch]
# One event per change of a cause.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end -}}
{{- /* Of the whole cluster in both modes. */ -}}
{{- define "leeward.rules.cluster" }}
- apiGroups: [leeward.dev]
  resources: [proxynetworks]
  verbs: [list, watch]
# Written only where its spec.controller names this installation.
- apiGroups: [leeward.dev]
  resources: [proxynetworks/status]
  verbs: [patch]
# Addresses that the prober must never dial, and addresses that are short-circuited inside the cluster.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
# The label leeward.dev/enforce and the annotation leeward.dev/allowed-hosts.
- apiGroups: [""]
  resources: [namespaces]
  verbs: [list, watch]
{{- end }}
