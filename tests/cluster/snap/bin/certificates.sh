# Certificates and the kubeconfigs that carry them. Sourced by the install hook and by the cluster agent.
DAYS=3650

make_key() {
    openssl ecparam -genkey -name prime256v1 -noout -out "$CERTS/$1.key" 2>/dev/null
}

make_authority() {
    make_key "$1"
    openssl req -x509 -new -key "$CERTS/$1.key" -subj "$2" -days $DAYS -out "$CERTS/$1.crt" 2>/dev/null
}

# make_certificate NAME SUBJECT ALTERNATIVE_NAMES [AUTHORITY]
make_certificate() {
    local name=$1 subject=$2 names=$3 authority=${4:-ca}
    make_key "$name"
    openssl req -new -key "$CERTS/$name.key" -subj "$subject" -out "$CERTS/$name.csr" 2>/dev/null
    printf 'extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName=%s\n' "$names" > "$CERTS/$name.ext"
    openssl x509 -req -in "$CERTS/$name.csr" -CA "$CERTS/$authority.crt" -CAkey "$CERTS/$authority.key" \
        -CAcreateserial -days $DAYS -extfile "$CERTS/$name.ext" -out "$CERTS/$name.crt" 2>/dev/null
    rm "$CERTS/$name.csr" "$CERTS/$name.ext"
}

# write_kubeconfig FILE CERTIFICATE SERVER_ADDRESS
write_kubeconfig() {
    (umask 077; cat > "$CREDENTIALS/$1.config") <<X
apiVersion: v1
kind: Config
clusters:
- name: microk8s-cluster
  cluster: {server: "https://$3:$API_PORT", certificate-authority-data: $(base64 -w0 "$CERTS/ca.crt")}
users:
- name: $2
  user: {client-certificate-data: $(base64 -w0 "$CERTS/$2.crt"), client-key-data: $(base64 -w0 "$CERTS/$2.key")}
contexts:
- name: microk8s
  context: {cluster: microk8s-cluster, user: $2}
current-context: microk8s
X
}

make_authorities() {
    make_authority ca /CN=10.152.183.1
    make_authority front-proxy-ca /CN=front-proxy-ca
    make_key serviceaccount
}

# make_control_plane ADDRESS NODE
make_control_plane() {
    local api="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:localhost"
    make_certificate server /CN=127.0.0.1 "$api,IP:127.0.0.1,IP:10.152.0.1,IP:10.152.183.1,IP:$1"
    make_certificate cluster-agent /CN=127.0.0.1 "DNS:$2,IP:127.0.0.1,IP:$1"
    make_certificate apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client DNS:apiserver
    make_certificate front-proxy-client /CN=front-proxy-client DNS:front-proxy-client front-proxy-ca
    make_certificate client /O=system:masters/CN=admin DNS:admin
    make_certificate controller /CN=system:kube-controller-manager DNS:controller
    make_certificate scheduler /CN=system:kube-scheduler DNS:scheduler
    make_certificate proxy /CN=system:kube-proxy DNS:proxy
    make_certificate kubelet "/O=system:nodes/CN=system:node:$2" "DNS:$2,IP:$1"
    local name
    for name in client controller scheduler proxy kubelet; do write_kubeconfig $name $name 127.0.0.1; done
}
