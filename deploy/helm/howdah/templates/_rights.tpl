{{- /*
The rights of server/src/engine/kube/rights.rs, part by part. A test holds both to be the same: change them together.
*/ -}}
{{- define "howdah.rights.every.namespace" -}}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
{{- end }}

{{- define "howdah.rights.namespaces.cluster" -}}
- {apiGroups: [""], resources: [namespaces], verbs: [create]}
{{- end }}

{{- define "howdah.rights.cnpg.namespace" -}}
- {apiGroups: [postgresql.cnpg.io], resources: [clusters, databases, databaseroles], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [postgresql.cnpg.io], resources: [clusters/status], verbs: [patch]}
- {apiGroups: [postgresql.cnpg.io], resources: [imagecatalogs], verbs: [get]}
- {apiGroups: [""], resources: [secrets], verbs: [get, create, patch, delete]}
- {apiGroups: [""], resources: [services], verbs: [get]}
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [persistentvolumeclaims], verbs: [list]}
- {apiGroups: [metrics.k8s.io], resources: [pods], verbs: [list]}
{{- end }}

{{- define "howdah.rights.cnpg.cluster" -}}
- {apiGroups: [postgresql.cnpg.io], resources: [clusterimagecatalogs], verbs: [list]}
- {apiGroups: [storage.k8s.io], resources: [storageclasses], verbs: [list]}
{{- end }}

{{- define "howdah.rights.cozystack.namespace" -}}
- {apiGroups: [apps.cozystack.io], resources: [postgreses], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [core.cozystack.io], resources: [options], verbs: [get]}
- {apiGroups: [cozystack.io], resources: [workloads], verbs: [list]}
- {apiGroups: [""], resources: [pods], verbs: [list, watch]}
- {apiGroups: [""], resources: [services], verbs: [get]}
{{- end }}

{{- define "howdah.rights.portForward.namespace" -}}
- {apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}
{{- end }}

{{- define "howdah.rights.podMonitors.namespace" -}}
- {apiGroups: [monitoring.coreos.com], resources: [podmonitors], verbs: [get, list, watch, create, patch, delete]}
{{- end }}

{{- define "howdah.rights.podProxy.namespace" -}}
- {apiGroups: [""], resources: [pods/proxy], verbs: [get]}
{{- end }}

{{- define "howdah.rights.namespace" -}}
{{ include "howdah.rights.every.namespace" . }}
{{- if has "cnpg" .Values.engines }}
{{ include "howdah.rights.cnpg.namespace" . }}
{{- end }}
{{- if has "cozystack" .Values.engines }}
{{ include "howdah.rights.cozystack.namespace" . }}
{{- end }}
{{- if .Values.rbac.portForward }}
{{ include "howdah.rights.portForward.namespace" . }}
{{- end }}
{{- if .Values.rbac.podMonitors }}
{{ include "howdah.rights.podMonitors.namespace" . }}
{{- end }}
{{- if .Values.rbac.podProxy }}
{{ include "howdah.rights.podProxy.namespace" . }}
{{- end }}
{{- end }}

{{- /* May be empty. */ -}}
{{- define "howdah.rights.cluster" -}}
{{- if and .Values.rbac.clusterReads (has "cnpg" .Values.engines) }}
{{ include "howdah.rights.cnpg.cluster" . }}
{{- end }}
{{- if .Values.rbac.createNamespaces }}
{{ include "howdah.rights.namespaces.cluster" . }}
{{- end }}
{{- end }}
