# microk8s status [--wait-ready] [--timeout SECONDS] [--addon NAME] [--format pretty|short|yaml]
ADDONS=(dns hostpath-storage metrics-server rbac)

status() {
    local wait= timeout=3600 addon= format=pretty
    while [ $# -gt 0 ]; do
        case $1 in
            -w | --wait-ready) wait=1 ;;
            -t | --timeout) timeout=$2; shift ;;
            -a | --addon) addon=$2; shift ;;
            --format) format=$2; shift ;;
            --yaml) format=yaml ;;
            *) fail "microk8s status does not know '$1'" ;;
        esac
        shift
    done
    [ -n "$wait" ] && wait_ready "$timeout"
    is_worker && fail "This MicroK8s deployment is acting as a node in a cluster. Please use the control plane node."
    if [ -n "$addon" ]; then is_enabled "$addon" && echo enabled || echo disabled; return; fi
    is_ready || fail "microk8s is not running. Use microk8s inspect for a deeper inspection."
    "print_$format"
}

is_ready() {
    kubectl_admin get --raw /readyz >/dev/null 2>&1 &&
    kubectl_admin get nodes --no-headers 2>/dev/null | awk '$2 ~ /^Ready/ {found = 1} END {exit !found}'
}

wait_ready() {
    local end=$((SECONDS + $1))
    until is_ready; do
        [ $SECONDS -lt $end ] || fail "microk8s is not running. Use microk8s inspect for a deeper inspection."
        sleep 0.5
    done
}

is_enabled() {
    case $1 in
        dns) kubectl_admin -n kube-system get deployment coredns >/dev/null 2>&1 ;;
        hostpath-storage) kubectl_admin get storageclass microk8s-hostpath >/dev/null 2>&1 ;;
        metrics-server) kubectl_admin -n kube-system get deployment metrics-server >/dev/null 2>&1 ;;
        rbac) grep -q -- '^--authorization-mode=.*RBAC' "$ARGS_DIR/kube-apiserver" ;;
        *) fail "Addon $1 was not found in any repository" ;;
    esac
}

explain_addon() {
    case $1 in
        dns) echo "(core) CoreDNS" ;;
        hostpath-storage) echo "(core) Storage class; allocates storage from host directory" ;;
        metrics-server) echo "(core) K8s Metrics Server for API access to service metrics" ;;
        rbac) echo "(core) Role-Based Access Control for authorisation" ;;
    esac
}

print_pretty() {
    echo "microk8s is running"
    printf 'high-availability: no\n  datastore master nodes: 127.0.0.1:2379\n  datastore standby nodes: none\naddons:\n'
    local enabled= disabled= name line
    for name in "${ADDONS[@]}"; do
        line=$(printf '    %-20s # %s' "$name" "$(explain_addon "$name")")$'\n'
        if is_enabled "$name"; then enabled+=$line; else disabled+=$line; fi
    done
    printf '  enabled:\n%s  disabled:\n%s' "$enabled" "$disabled"
}

print_short() {
    local name
    echo "microk8s is running"
    for name in "${ADDONS[@]}"; do is_enabled "$name" && echo "core/$name: enabled" || echo "core/$name: disabled"; done
}

print_yaml() {
    local name state
    printf 'microk8s:\n  running: true\nhigh-availability:\n  enabled: false\naddons:\n'
    for name in "${ADDONS[@]}"; do
        is_enabled "$name" && state=enabled || state=disabled
        printf -- '- name: %s\n  repository: core\n  status: %s\n' "$name" "$state"
    done
}
