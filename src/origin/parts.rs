//! The parts of a URI that make an origin.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::Uri;
use http::uri::Authority;

/// Whether a `Host` header names the same host and port as the URI.
pub(crate) fn host_agrees(host: &[u8], uri: &Uri) -> bool {
    let (Some(https), Some(authority)) = (scheme(uri), uri.authority()) else {
        return true; // the URI names no host
    };
    let named = Authority::try_from(host).ok();
    let named = named.as_ref().and_then(|named| host_and_port(named, https));
    match (named, host_and_port(authority, https)) {
        (Some((host, port)), Some((its_host, its_port))) => {
            port == its_port && host.eq_ignore_ascii_case(its_host)
        }
        _ => false,
    }
}

/// `Some(true)` for https and wss, `Some(false)` for http and ws, in any case (RFC 3986 section 3.1).
pub(crate) fn scheme(uri: &Uri) -> Option<bool> {
    let scheme = uri.scheme_str()?;
    let is_one_of = |names: [&str; 2]| names.iter().any(|it| scheme.eq_ignore_ascii_case(it));
    if is_one_of(["https", "wss"]) {
        Some(true)
    } else if is_one_of(["http", "ws"]) {
        Some(false)
    } else {
        None
    }
}

/// Host and port, if the authority has nothing else.
pub(crate) fn host_and_port(authority: &Authority, https: bool) -> Option<(&str, u16)> {
    let host = authority.host();
    let rest = authority.as_str().strip_prefix(host)?; // `None`: there is user information
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => return Some((host, if https { 443 } else { 80 })),
        None => return None,
        Some(port) => port,
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = if digits {
        port.parse().ok()?
    } else {
        return None;
    };
    (!host.is_empty()).then_some((host, port))
}

/// Whether two texts are equal. Most authorities have 8 to 16 characters. These are compared as two words, which may
/// overlap, so that no function is called.
#[inline(always)]
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && match one.len() {
            8..=16 => {
                one.first_chunk::<8>() == other.first_chunk::<8>()
                    && one.last_chunk::<8>() == other.last_chunk::<8>()
            }
            _ => one == other,
        }
}

/// Whether a host is this machine, by address or by name.
#[cfg(feature = "reqwest")]
pub(crate) fn is_this_machine(host: &str) -> bool {
    is_loopback(host) || is_localhost(host)
}

/// A name that every resolver resolves to this machine (RFC 6761 section 6.3).
#[cfg(feature = "reqwest")]
pub(crate) fn is_localhost(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next();
    last.is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

/// A literal loopback address.
pub(crate) fn is_loopback(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match v6 {
        Some(v6) => v6.parse() == Ok(Ipv6Addr::LOCALHOST),
        None => host.parse().is_ok_and(|v4: Ipv4Addr| v4.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "reqwest")]
    #[test]
    fn this_machine_has_loopback_addresses_and_the_name_localhost() {
        for (host, is_here) in [
            ("127.0.0.1", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("localhost", true),
            ("api.LocalHost.", true),
            ("localhost.example", false),
            ("192.168.0.1", false),
            ("api.example", false),
        ] {
            assert_eq!(is_this_machine(host), is_here, "{host}");
            let origin = crate::origin::Origin::danger_plain_http(&format!("http://{host}"));
            assert_eq!(origin.unwrap().is_this_machine(), is_here, "{host}");
        }
    }

    #[test]
    fn texts_of_any_length_are_compared_whole() {
        for length in 0..40 {
            let text = "x".repeat(length).into_bytes();
            assert!(is_same(&text, &text.clone()));
            assert!(!is_same(&text, &[&text[..], b"x"].concat()));
            for at in 0..length {
                let mut other = text.clone();
                other[at] = b'y';
                assert!(!is_same(&text, &other), "{length} {at}");
            }
        }
    }
}
