//! The proxy between this machine and a server, for errors: a proxy that fails must not be taken for the server.

use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::{StatusCode, Url};

use super::fault::Fault;
use crate::llm::{Failure, Outside};

/// See the module's text.
pub(super) struct Proxy {
    /// The host that is asked through it.
    host: String,
    /// The proxy's own address, without its password.
    address: String,
    scheme: String,
    /// The variable that names it.
    variable: &'static str,
}

impl Proxy {
    /// The proxy that requests to this address go through, by the same rules as the HTTP client's.
    pub(super) fn before(url: &Url, outside: &Outside) -> Option<Self> {
        use secrecy::ExposeSecret as _;
        let find = |names: &[&'static str]| {
            names.iter().find_map(|name| Some((*name, outside.secret(name)?.expose_secret().to_owned())))
        };
        let value = |found: &Option<(&'static str, String)>| {
            found.as_ref().map_or(String::new(), |(_, value)| value.clone())
        };
        let all = find(&["ALL_PROXY", "all_proxy"]);
        let own: &[&'static str] = match url.scheme() {
            "https" => &["HTTPS_PROXY", "https_proxy"],
            _ => &["HTTP_PROXY", "http_proxy"],
        };
        let own = find(own);
        let no = find(&["NO_PROXY", "no_proxy"]);
        let intercept = |own: &Option<(&'static str, String)>| -> Option<Intercept> {
            let matcher: Matcher =
                Matcher::builder().all(value(&all)).http(value(own)).https(value(own)).no(value(&no)).build();
            matcher.intercept(&url.as_str().parse().ok()?)
        };
        let found = intercept(&own)?;
        // A value that is not an address counts as none, so the other variable decides.
        let by_all = own.is_none() || intercept(&None).is_some_and(|other| other.uri() == found.uri());
        let variable = if by_all { all.as_ref().or(own.as_ref()) } else { own.as_ref() };
        let (host, port) = (found.uri().host()?, found.uri().port());
        let scheme = found.uri().scheme_str().unwrap_or("http").to_owned();
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        Some(Self {
            host: url.host_str().unwrap_or_default().to_owned(),
            address: format!("{scheme}://{host}{port}"),
            scheme,
            variable: variable?.0,
        })
    }

    /// The fault of a proxy that cannot be used at all.
    pub(super) fn unusable(&self) -> Option<Fault> {
        self.scheme.starts_with("socks").then(|| {
            let what = format!(
                "{self} is a SOCKS proxy, which llmx does not support. hint: set {} to an HTTP proxy, or add {} to \
                 NO_PROXY",
                self.variable, self.host
            );
            Fault::new(Failure::Misconfigured, what)
        })
    }

    /// The fault of a request that never came back, with its proxy.
    pub(super) fn unsent(&self, fault: Fault) -> Fault {
        let failure = match fault.failure {
            Failure::Network if fault.message.contains("proxy auth") => Failure::Misconfigured,
            failure => failure,
        };
        let message = format!("the request went through {self}: {}. hint: {}", fault.message, self.hint());
        // The address of the server is not what failed.
        Fault { failure, message, address: fault.address && failure == Failure::Misconfigured, ..fault }
    }

    /// The fault of a reply that comes from the proxy itself.
    pub(super) fn refused(&self, status: StatusCode) -> Option<Fault> {
        (status == StatusCode::PROXY_AUTHENTICATION_REQUIRED).then(|| {
            let message = format!("{self} asks for a user name and password. hint: {}", self.hint());
            Fault { status: Some(status.as_u16()), ..Fault::new(Failure::Misconfigured, message) }
        })
    }

    fn hint(&self) -> String {
        format!("correct or unset {}, or add {} to NO_PROXY to ask it directly", self.variable, self.host)
    }
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the proxy of {} ({})", self.variable, self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::llm::provider::tests::outside;

    fn proxy(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        Proxy::before(&Url::parse(url).unwrap(), &outside(variables)).map(|proxy| proxy.to_string())
    }

    #[test]
    fn the_variable_that_counts_is_named() {
        let http = "http://llm.example.com/v1";
        let https = "https://llm.example.com/v1";
        let all = ("ALL_PROXY", "http://all.example.com:1");
        let one = ("HTTP_PROXY", "http://user:pass@one.example.com:2");
        let says = |text: &str| Some(text.to_owned());
        assert_eq!(proxy(http, &[]), None);
        assert_eq!(proxy(http, &[one]), says("the proxy of HTTP_PROXY (http://one.example.com:2)"));
        assert_eq!(proxy(http, &[all, one]), says("the proxy of HTTP_PROXY (http://one.example.com:2)"));
        assert_eq!(proxy(https, &[all, one]), says("the proxy of ALL_PROXY (http://all.example.com:1)"));
        assert_eq!(proxy(https, &[one]), None);
        assert_eq!(
            proxy(https, &[("https_proxy", "plain:3")]),
            says("the proxy of https_proxy (http://plain:3)")
        );
        assert_eq!(proxy(http, &[one, ("NO_PROXY", "example.com")]), None);
    }

    #[test]
    fn a_socks_proxy_is_refused_by_name() {
        for scheme in ["socks5", "socks5h", "socks4"] {
            let value = format!("{scheme}://127.0.0.1:1080");
            let proxy = Proxy::before(
                &Url::parse("https://llm.example.com").unwrap(),
                &outside(&[("ALL_PROXY", &value)]),
            );
            let fault = proxy.unwrap().unusable().unwrap();
            assert_eq!(fault.failure, Failure::Misconfigured);
            assert!(
                fault.message.starts_with(&format!("the proxy of ALL_PROXY ({value}) is a SOCKS proxy")),
                "{}",
                fault.message
            );
        }
    }
}
