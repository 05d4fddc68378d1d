{{/* An image by its digest, and by nothing else: a tag can be moved. In: registry, repository, digest. */}}
{{- define "airgate.image" -}}
{{ .registry }}/{{ .repository }}@{{ .digest }}
{{- end -}}

{{/* The names of Secrets with a registry's credentials, as a pod or an account lists them. In: a list of names. */}}
{{- define "airgate.pullSecrets" -}}
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end -}}
