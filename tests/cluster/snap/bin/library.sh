# What every command of the snap shares. Sourced by bash; SNAP, SNAP_DATA and SNAP_COMMON come from snapd.
export PATH="$SNAP/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARGS_DIR=$SNAP_DATA/args
CERTS=$SNAP_DATA/certs
CREDENTIALS=$SNAP_DATA/credentials
LOCKS=$SNAP_DATA/var/lock
POD_RANGE=10.1.0.0/16
API_PORT=16443

# Sets the array ARGS to the lines of an args file. The shell expands variables and quotes at every start,
# so that ${SNAP_DATA} in a file follows the snap to its next revision.
read_args() {
    declare -ga ARGS="($(grep -v '^[[:space:]]*#' "$ARGS_DIR/$1"))"
}

# Replaces or adds one flag in an args file: write_arg kube-apiserver --authorization-mode RBAC,Node
write_arg() {
    local file=$ARGS_DIR/$1 flag=$2 value=$3
    grep -v -- "^$flag=" "$file" > "$file.new" || true
    printf '%s=%s\n' "$flag" "$value" >> "$file.new"
    mv "$file.new" "$file"
}

find_node_address() {
    ip -4 route get 192.0.2.1 2>/dev/null | grep -oP 'src \K[0-9.]+'
}

is_worker() {
    [ -e "$LOCKS/clustered.lock" ]
}

kubectl_admin() {
    "$SNAP/bin/kubectl" --kubeconfig "$CREDENTIALS/client.config" "$@"
}

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

require_root() {
    [ "$(id -u)" = 0 ] || fail "This command changes the node: run it as root, for instance with sudo."
}
