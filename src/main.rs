//! `llmx`: parse, dispatch, exit code.

fn main() -> std::process::ExitCode {
    llm_experiments::cli::main()
}
