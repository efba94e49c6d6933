# Sourced by the scripts that prove what is in this folder: `root`, and `llmx`, the program that is given or built here.
#   . infra/program.sh [PROGRAM] [CARGO FLAGS]
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
llmx=${1:-}
if [ -z "$llmx" ]; then
    # Cargo says itself where the program is.
    llmx=$(cargo build --locked --bin llmx --manifest-path "$root/Cargo.toml" --message-format=json ${2:-} |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
fi
llmx=$(cd "$(dirname "$llmx")" && pwd)/$(basename "$llmx")
