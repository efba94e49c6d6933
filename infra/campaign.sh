#!/usr/bin/env bash
# A campaign of faults against the program: kills, full disks, damaged state, fuzzed inputs, hostile answers. Prints a
# Markdown table, and ends with 1 where a promise was broken. Needs a Rust toolchain, and Linux for the full disks: a
# tmpfs is mounted in a mount namespace of its own.
#
#   infra/campaign.sh [--full] [--only kill|disk|corrupt|fuzz|hostile] [--seed S] [--llmx PROGRAM]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
llmx= args=()
while [ $# -gt 0 ]; do
    case "$1" in
        --llmx) llmx=$2; shift 2 ;;
        *) args+=("$1"); shift ;;
    esac
done
. "$root/infra/program.sh" "$llmx"
campaign=$(cargo build --locked --example campaign --manifest-path "$root/Cargo.toml" --message-format=json |
    sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
if [ "$(id -u)" = 0 ]; then
    alone=(unshare --mount)
elif unshare --user --map-root-user --mount true 2>/dev/null; then
    alone=(unshare --user --map-root-user --mount)
else
    alone=(sudo -n unshare --mount)
fi
exec "${alone[@]}" "$campaign" --llmx "$llmx" ${args[@]+"${args[@]}"}
