{{- define "howdah.name" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "howdah.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "howdah.labels" -}}
{{ include "howdah.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "howdah.account" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "howdah.name" .) }}
{{- else }}{{ required "serviceAccount.name: name the account, since serviceAccount.create is false" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "howdah.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "howdah.database" -}}
{{ include "howdah.name" . }}-db
{{- end }}

{{- /* Where the portal's DATABASE_URL comes from: one of two, never both. */ -}}
{{- define "howdah.databaseUrl" -}}
{{- $database := .Values.database -}}
{{- if and $database.existingSecret $database.cnpg.enabled }}
{{- fail "database: either existingSecret or cnpg.enabled, not both" }}
{{- else if $database.existingSecret -}}
name: {{ $database.existingSecret }}
key: {{ $database.key }}
{{- else if $database.cnpg.enabled -}}
name: {{ include "howdah.database" . }}-app
key: uri
{{- else }}
{{- fail "database: the portal needs a database of its own: set database.existingSecret to a Secret with a DATABASE_URL, or database.cnpg.enabled=true" }}
{{- end }}
{{- end }}
