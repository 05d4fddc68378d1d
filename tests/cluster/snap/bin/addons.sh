# microk8s enable|disable NAME[:ARGUMENT] …
DEFAULT_RESOLVERS="8.8.8.8 8.8.4.4"

change_addons() {
    local verb=$1 addon name argument=
    shift
    [ $# -gt 0 ] || fail "microk8s $verb needs the name of an addon"
    for addon in "$@"; do
        name=${addon%%:*}
        [ "$name" = "$addon" ] && argument= || argument=${addon#*:}
        case $name in
            dns | hostpath-storage | metrics-server | rbac) "${verb}_${name//-/_}" "$argument" ;;
            *) fail "Addon $name was not found in any repository" ;;
        esac
    done
}

apply_manifest() {
    kubectl_admin apply -f - >/dev/null || fail "The manifest of the addon was refused, see above"
}

delete_manifest() {
    kubectl_admin delete --ignore-not-found --wait=false -f "$SNAP/addons/$1.yaml" >/dev/null
    echo "Addon $1 is disabled"
}

# The argument is a comma list of resolvers, or a file such as /etc/resolv.conf.
enable_dns() {
    local resolvers=${1:-$DEFAULT_RESOLVERS}
    echo "Enabling DNS"
    sed "s@\${RESOLVERS}@${resolvers//,/ }@" "$SNAP/addons/dns.yaml" | apply_manifest
    echo "DNS is enabled"
}

disable_dns() { delete_manifest dns; }

enable_hostpath_storage() {
    echo "Enabling default storage class."
    mkdir -p "$SNAP_COMMON/default-storage"
    apply_manifest < "$SNAP/addons/hostpath-storage.yaml"
    echo "Storage will be available soon."
}

disable_hostpath_storage() { delete_manifest hostpath-storage; }

enable_metrics_server() {
    echo "Enabling Metrics-Server"
    apply_manifest < "$SNAP/addons/metrics-server.yaml"
    echo "Metrics-Server is enabled"
}

disable_metrics_server() { delete_manifest metrics-server; }

enable_rbac() {
    echo "Enabling RBAC"
    authorize RBAC,Node
    echo "RBAC is enabled"
}

disable_rbac() {
    echo "Disabling RBAC"
    authorize AlwaysAllow
    echo "RBAC is disabled"
}

# Changes nothing, and restarts nothing, where the mode is the wanted one already.
authorize() {
    grep -qx -- "--authorization-mode=$1" "$ARGS_DIR/kube-apiserver" && return
    write_arg kube-apiserver --authorization-mode "$1"
    systemctl restart snap.microk8s.daemon-kubelite
    . "$SNAP/bin/status.sh"
    wait_ready 120
}
