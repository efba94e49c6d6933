#!/usr/bin/env bash
# A fault campaign against the program: kills, full disks, damaged state, fuzzed inputs, hostile answers. Prints a Markdown
# table, and exits with 1 where a promise was broken. Needs a Rust toolchain and Linux. A full disk is a small tmpfs in a
# mount namespace of its own: as root, else in a user namespace, else with sudo.
#
#   infra/campaign.sh [--quick|--full] [--only kill|disk|corrupt|fuzz|hostile] [--seed S] [--llmx PROGRAM]
#   infra/campaign.sh --can-run    exits with 0 where a tmpfs can be mounted
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
mounts() { "$@" sh -c 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d"; s=$?; rmdir "$d"; exit $s' 2>/dev/null; }
if mounts unshare --mount; then
    alone=(unshare --mount)
elif mounts unshare --user --map-root-user --mount; then
    alone=(unshare --user --map-root-user --mount)
elif mounts sudo -n unshare --mount; then
    alone=(sudo -n --preserve-env=PATH unshare --mount)
else
    echo "a tmpfs cannot be mounted here: run this on Linux as root, with user namespaces or with sudo" >&2
    exit 2
fi
llmx='' args=()
while [ $# -gt 0 ]; do
    case "$1" in
        --can-run) exit 0 ;;
        --llmx) llmx=$2; shift 2 ;;
        *) args+=("$1"); shift ;;
    esac
done
. "$root/infra/program.sh" "$llmx"
campaign=$(cargo build --locked --example campaign --manifest-path "$root/Cargo.toml" --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
exec "${alone[@]}" "$campaign" --llmx "$llmx" ${args[@]+"${args[@]}"}
