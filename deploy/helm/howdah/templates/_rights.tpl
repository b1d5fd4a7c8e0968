{{- /*
The rights of server/src/engine/kube/rights.rs, part by part. A test holds both to be the same: change them together.
*/ -}}
{{- define "howdah.rights.every.namespace" -}}
- {apiGroups: [""], resources: [namespaces], verbs: [get]}
- {apiGroups: [""], resources: [pods], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [persistentvolumeclaims], verbs: [get, list]}
{{- end }}

{{- define "howdah.rights.every.cluster" -}}
- {apiGroups: [storage.k8s.io], resources: [storageclasses], verbs: [list]}
{{- end }}

{{- define "howdah.rights.cnpg.namespace" -}}
- {apiGroups: [postgresql.cnpg.io], resources: [clusters, databases, databaseroles], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [postgresql.cnpg.io], resources: [clusters/status], verbs: [patch]}
- {apiGroups: [""], resources: [secrets, services], verbs: [get, create, patch, delete]}
{{- end }}

{{- define "howdah.rights.cnpg.cluster" -}}
- {apiGroups: [postgresql.cnpg.io], resources: [clusterimagecatalogs], verbs: [list]}
{{- end }}

{{- define "howdah.rights.cozystack.namespace" -}}
- {apiGroups: [apps.cozystack.io], resources: [postgreses], verbs: [get, list, watch, create, patch, delete]}
- {apiGroups: [core.cozystack.io], resources: [tenantsecrets], verbs: [get, list, watch]}
- {apiGroups: [cozystack.io], resources: [workloadmonitors], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [secrets, services], verbs: [get]}
{{- end }}

{{- define "howdah.rights.podMonitors.namespace" -}}
- {apiGroups: [monitoring.coreos.com], resources: [podmonitors], verbs: [get, create, patch, delete]}
{{- end }}

{{- define "howdah.rights.portForward.namespace" -}}
- {apiGroups: [""], resources: [pods/portforward], verbs: [get, create]}
{{- end }}

{{- define "howdah.rights.namespace" -}}
{{ include "howdah.rights.every.namespace" . }}
{{- if has "cnpg" .Values.engines }}
{{ include "howdah.rights.cnpg.namespace" . }}
{{- end }}
{{- if has "cozystack" .Values.engines }}
{{ include "howdah.rights.cozystack.namespace" . }}
{{- end }}
{{- if .Values.rbac.podMonitors }}
{{ include "howdah.rights.podMonitors.namespace" . }}
{{- end }}
{{- if .Values.rbac.portForward }}
{{ include "howdah.rights.portForward.namespace" . }}
{{- end }}
{{- end }}

{{- define "howdah.rights.cluster" -}}
{{ include "howdah.rights.every.cluster" . }}
{{- if has "cnpg" .Values.engines }}
{{ include "howdah.rights.cnpg.cluster" . }}
{{- end }}
{{- end }}
