//! The evals as tests: `cargo test --test evals`. Register checks and label rules of your own here.

fn main() -> std::process::ExitCode {
    llm_experiments::harness::Harness::new().main()
}
