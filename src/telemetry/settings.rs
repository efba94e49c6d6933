//! OpenTelemetry's own variables, as far as we have to know them before the exporter reads them itself.

use std::collections::BTreeMap;

use crate::config::env;

/// What the environment says about spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Spans are made.
    pub(super) enabled: bool,
    /// Spans are sent to this address, as it may be shown.
    pub(super) collector: Option<String>,
    /// The protocol asked for, where it is not the one we speak.
    pub(super) other_protocol: Option<String>,
    /// `service.name`, where it is set by its own variable.
    pub(super) service: Option<String>,
    /// How many spans may wait for the collector, where somebody says so.
    pub(super) queue_is_set: bool,
}

/// The one protocol of this build.
const PROTOCOL: &str = "http/protobuf";

impl Settings {
    pub(super) fn read(vars: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| vars.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let wanted = get(env::OTEL_TRACES_EXPORTER)
            .is_none_or(|names| names.split(',').any(|name| name.trim().eq_ignore_ascii_case("otlp")));
        let address = get(env::OTEL_TRACES_ENDPOINT)
            .map(str::to_owned)
            .or_else(|| Some(format!("{}/v1/traces", get(env::OTEL_ENDPOINT)?.trim_end_matches('/'))));
        let protocol = get(env::OTEL_TRACES_PROTOCOL).or_else(|| get(env::OTEL_PROTOCOL));
        Self {
            enabled: !env::is_true(vars, env::OTEL_SDK_DISABLED),
            collector: address.filter(|_| wanted).map(|address| env::without_user_info(&address)),
            other_protocol: protocol.filter(|name| *name != PROTOCOL).map(str::to_owned),
            service: get(env::OTEL_SERVICE_NAME).map(str::to_owned),
            queue_is_set: get(env::OTEL_QUEUE).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Settings {
        Settings::read(&vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn where_spans_go() {
        let collector = |vars: &[(&str, &str)]| read(vars).collector;
        assert_eq!(collector(&[]), None);
        assert_eq!(collector(&[(env::OTEL_ENDPOINT, "")]), None);
        let base = (env::OTEL_ENDPOINT, "http://u:p@h:4318/");
        assert_eq!(collector(&[base]).as_deref(), Some("http://h:4318/v1/traces"));
        let whole = (env::OTEL_TRACES_ENDPOINT, "http://i/x");
        assert_eq!(collector(&[base, whole]).as_deref(), Some("http://i/x"));
        assert_eq!(collector(&[base, (env::OTEL_TRACES_EXPORTER, "none")]), None);
        assert_eq!(collector(&[base, (env::OTEL_TRACES_EXPORTER, "console")]), None);
        assert!(collector(&[base, (env::OTEL_TRACES_EXPORTER, "console, otlp")]).is_some());
    }

    #[test]
    fn switches() {
        assert!(read(&[]).enabled);
        assert!(read(&[(env::OTEL_SDK_DISABLED, "1")]).enabled, "the specification knows `true` only");
        assert!(!read(&[(env::OTEL_SDK_DISABLED, "TRUE")]).enabled);
        assert_eq!(read(&[(env::OTEL_PROTOCOL, "http/protobuf")]).other_protocol, None);
        let both = [(env::OTEL_PROTOCOL, "http/protobuf"), (env::OTEL_TRACES_PROTOCOL, "grpc")];
        assert_eq!(read(&both).other_protocol.as_deref(), Some("grpc"));
    }
}
