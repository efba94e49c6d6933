pub fn judge(_: &str) -> Result<String, String> {
    Err("x".into())
}
