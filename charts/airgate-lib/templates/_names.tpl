{{/*
The vocabulary: every name that charts and products must spell alike. A test holds it to airgate_kit.names.
Use: $names := include "airgate.names" . | fromYaml
*/}}
{{- define "airgate.names" -}}
namespaces: {deploy: airgate-deploy, compute: airgate-compute}
labels: {control: airgate.io/control, compute: airgate.io/compute, deploy: airgate.io/deploy}
jobs: {airgate.io/kind: job}
ports: {serveHttp: 8080, serveGrpc: 8081, web: 8000, reconcilerHealth: 8001, files: 8002, gatewayHttps: 8443, gatewayHttp: 8088, plugin: 9400}
accounts: {runtime: airgate-runtime}
uid: 65532
modelDisks: /models-on
modelClaim: airgate-models-
{{- end -}}

{{/* The labels by which one part of the appliance finds another. In: the component's name. */}}
{{- define "airgate.selector" -}}
app.kubernetes.io/part-of: airgate
app.kubernetes.io/component: {{ . }}
{{- end -}}

{{/* All labels of an object. In: a list of the root and the component's name. */}}
{{- define "airgate.labels" -}}
{{- $root := index . 0 -}}
{{ include "airgate.selector" (index . 1) }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end -}}
