//! placeholder
pub fn answer(_: &str) -> Result<String, String> {
    Err("x".into())
}
