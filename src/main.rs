//! `llmx`: parse, dispatch, exit code.

/// For the program only: a library leaves the choice to whoever links it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    llm_experiments::cli::main()
}
