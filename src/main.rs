//! `llmx`: parse, dispatch, exit code.

/// Buffers of requests are made on one thread and freed on another, where the allocator of glibc waits for locks: with it a
/// request to `llmx serve` takes a quarter more CPU.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    llm_experiments::cli::main()
}
