{{/* The two namespaces of this chart, each with what differs. */}}
{{- define "airgate-runtimes.places" -}}
{{- $names := include "airgate.names" . | fromYaml -}}
- {namespace: {{ $names.namespaces.deploy }}, component: services, quota: {{ toJson .Values.deployQuota }}}
- {namespace: {{ $names.namespaces.compute }}, component: testers, quota: {{ toJson .Values.computeQuota }}}
{{- end -}}
