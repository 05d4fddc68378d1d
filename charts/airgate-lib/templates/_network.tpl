{{/* Egress to the cluster's DNS, whichever way it is deployed. */}}
{{- define "airgate.egressDns" -}}
- to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end -}}

{{/* The pods of one of the appliance's own components, as a peer. In: a list of the namespace and the component. */}}
{{- define "airgate.peer" -}}
namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ index . 0 }}}}
podSelector:
  matchLabels: {{- include "airgate.selector" (index . 1) | nindent 4 }}
{{- end -}}
