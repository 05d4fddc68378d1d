{{/* A pod's side of the "restricted" Pod Security standard. */}}
{{- define "airgate.podSecurity" -}}
{{- $uid := (include "airgate.names" . | fromYaml).uid -}}
runAsNonRoot: true
runAsUser: {{ $uid }}
runAsGroup: {{ $uid }}
fsGroup: {{ $uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* A container's side of it, and a root file system that nobody can write to. */}}
{{- define "airgate.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
