//! Which methods may be sent again.

use http::Method;

/// Which methods may be sent again after a refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayMethods {
    /// All methods. A 401 means that the request was not applied. This is the default.
    #[default]
    All,
    /// Only idempotent methods, which have the same effect if they are repeated (RFC 9110 section
    /// 9.2.2): `GET`, `HEAD`, `OPTIONS`, `TRACE`, `PUT`, `DELETE`.
    Idempotent,
}

impl ReplayMethods {
    pub(crate) fn allow(self, method: &Method) -> bool {
        self == ReplayMethods::All || method.is_idempotent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idempotent_methods_are_those_of_rfc_9110() {
        for (method, idempotent) in [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::OPTIONS, true),
            (Method::TRACE, true),
            (Method::PUT, true),
            (Method::DELETE, true),
            (Method::POST, false),
            (Method::PATCH, false),
            (Method::CONNECT, false),
        ] {
            assert_eq!(ReplayMethods::Idempotent.allow(&method), idempotent, "{method}");
            assert!(ReplayMethods::All.allow(&method));
        }
    }
}
