//! Connects the built-in client to an endpoint: directly, or through a proxy's tunnel.
//!
//! The client asks the proxy for a tunnel (`CONNECT`, RFC 9110 section 9.3.6). TLS runs inside the tunnel, from
//! this client to the endpoint, so the proxy sees only the endpoint's host and port. Plain http uses no proxy, and reads
//! no `http_proxy`: it goes to this machine, or to the metadata server of its cloud, which a proxy cannot reach.

use std::fmt;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::basics::TARGET;
use crate::error::{BoxError, Error};

/// The proxies, and the destinations that are reached through them.
#[derive(Clone, Default)]
pub(crate) enum Proxies {
    /// No proxy.
    #[default]
    None,
    Given(Arc<Matcher>),
    /// The proxies of `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    Environment(Arc<Matcher>),
}

impl Proxies {
    pub(crate) fn given(proxy: &str) -> Result<Proxies, Error> {
        let wrong = |why: &str| {
            Error::configuration(format!("the URL of the proxy {why}: write http://host:port"))
        };
        let uri: Uri = proxy.parse().map_err(|_| wrong("is no URL"))?;
        if uri.scheme_str() != Some("http") || uri.host().is_none_or(str::is_empty) {
            return Err(wrong("is not http, or has no host"));
        }
        Ok(Proxies::Given(Arc::new(Matcher::builder().https(proxy).build())))
    }

    pub(crate) fn environment() -> Proxies {
        Proxies::Environment(Arc::new(Matcher::from_env()))
    }
}

/// Connects to an endpoint, or to the far end of a tunnel.
#[derive(Clone)]
pub(crate) struct Connector {
    direct: HttpConnector,
    proxies: Proxies,
    /// An event has already reported that the environment names a proxy that is not used.
    told_unused: Arc<AtomicBool>,
}

impl Connector {
    pub(crate) fn new(direct: HttpConnector, proxies: Proxies) -> Connector {
        Connector { direct, proxies, told_unused: Arc::default() }
    }

    /// The proxy for `destination`. Plain http and this machine have none, whatever is configured.
    fn proxy_for(&self, destination: &Uri) -> Option<Intercept> {
        if destination.scheme_str() != Some("https") || is_loopback(destination) {
            return None;
        }
        match &self.proxies {
            Proxies::Given(matcher) | Proxies::Environment(matcher) => {
                matcher.intercept(destination)
            }
            Proxies::None => {
                self.tell_unused(destination);
                None
            }
        }
    }

    /// Reports once that the environment names a proxy for `destination` that is not used.
    fn tell_unused(&self, destination: &Uri) {
        if !self.told_unused.swap(true, Ordering::Relaxed)
            && Matcher::from_env().intercept(destination).is_some()
        {
            tracing::warn!(
                target: TARGET,
                "the environment names a proxy (HTTPS_PROXY or ALL_PROXY), which is not used. To use it: \
                 HttpClient::with_proxy_from_env",
            );
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.direct.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let Some(proxy) = self.proxy_for(&destination) else {
            let connecting = self.direct.call(destination);
            return Box::pin(async { connecting.await.map_err(Into::into) });
        };
        if proxy.uri().scheme_str() != Some("http") {
            let message = "the environment names a proxy whose URL is not http, which is the only kind that the \
                           built-in client can use";
            return Box::pin(std::future::ready(Err(Error::configuration(message).into())));
        }
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.direct.clone());
        if let Some(auth) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(auth.clone());
        }
        let connecting = tunnel.call(destination);
        Box::pin(async { connecting.await.map_err(Into::into) })
    }
}

/// Whether a destination is this machine: `localhost`, or a literal loopback address.
fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Shows nothing, because the proxy's URL may contain a password.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_recognised_by_name_and_by_address() {
        for (uri, expected) in [
            ("https://localhost/", true),
            ("https://LOCALHOST:8443/", true),
            ("https://127.0.0.1/", true),
            ("https://127.9.9.9:1/", true),
            ("https://[::1]:8443/", true),
            ("https://localhost.example/", false),
            ("https://10.0.0.1/", false),
            ("https://[::2]/", false),
        ] {
            assert_eq!(is_loopback(&uri.parse().unwrap()), expected, "{uri}");
        }
    }

    #[test]
    fn plain_http_and_the_metadata_server_of_a_cloud_have_no_proxy() {
        let matcher = || Arc::new(Matcher::builder().all("http://127.0.0.1:3128").build());
        let given = Proxies::given("http://127.0.0.1:3128").unwrap();
        for proxies in [Proxies::Environment(matcher()), Proxies::Given(matcher()), given] {
            let connector = Connector::new(HttpConnector::new(), proxies);
            for (uri, has_proxy) in [
                ("http://169.254.169.254/computeMetadata/v1/", false),
                ("http://169.254.129.5:8081/msi/token", false),
                ("http://localhost:8081/msi/token", false),
                ("http://10.0.0.1/", false),
                ("https://127.0.0.1/", false),
                ("https://idp.example/", true),
            ] {
                let proxy = connector.proxy_for(&uri.parse().unwrap());
                assert_eq!(proxy.is_some(), has_proxy, "{uri}");
            }
        }
    }

    #[test]
    fn a_proxy_url_is_checked_and_never_quoted() {
        for wrong in
            ["proxy:3128", "https://u:hunter2@proxy:3128", "socks5://hunter2", "http://", ""]
        {
            let error = Proxies::given(wrong).err().expect(wrong).to_string();
            assert!(error.contains("http://host:port") && !error.contains("hunter2"), "{error}");
        }
        assert!(Proxies::given("http://user:hunter2@proxy.example:3128").is_ok());
    }
}
