{{/* What web and reconciler are both told. */}}
{{- define "airgate-webapp.env" -}}
- {name: AIRGATE_HOME, value: /data}
- {name: AIRGATE_INTERNAL_TOKEN_FILE, value: /keys/internal-token}
- {name: AIRGATE_LOG_LEVEL, value: {{ .Values.logLevel }}}
{{- if .Values.database.existingSecret }}
- {name: AIRGATE_DATABASE_URL_FILE, value: /database/url}
{{- end }}
{{- end -}}

{{/* What both see. The reconciler is given the internal token alone, not the keys that sign for users. */}}
{{- define "airgate-webapp.mounts" -}}
- {name: data, mountPath: /data}
- {name: tmp, mountPath: /tmp}
{{- if .Values.database.existingSecret }}
- {name: database, mountPath: /database, readOnly: true}
{{- end }}
{{- end -}}
