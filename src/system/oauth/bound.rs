//! Tokens that are bound to the certificate of the client (RFC 8705 section 3).

use serde_json::Value;

use crate::endpoint::answer::ExchangeAnswer;
#[cfg(feature = "client")]
use crate::endpoint::certificate::shown::ShownCertificate;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::issued::Issued;
use crate::scheme::jwt::confirmation;
use crate::system::oauth::system::OAuth;

/// What a token says about the certificate that it is bound to.
#[derive(Debug, PartialEq)]
enum Binding {
    /// It is no JWT, so only the API can see it.
    Unknown,
    Unbound,
    /// To the certificate with this thumbprint.
    To(String),
}

impl Binding {
    fn of(token: &str) -> Binding {
        let Some(confirmation) = confirmation(token) else { return Binding::Unknown };
        match confirmation.get("x5t#S256").and_then(Value::as_str) {
            Some(thumbprint) => Binding::To(thumbprint.trim_end_matches('=').to_owned()),
            None => Binding::Unbound,
        }
    }

    /// `shown` is the thumbprint of the certificate that was shown, if it is known.
    ///
    /// # Errors
    ///
    /// Why the token cannot be used.
    fn check(&self, shown: Option<&str>, is_demanded: bool) -> Result<(), &'static str> {
        match (self, shown) {
            (Binding::Unbound, _) if is_demanded => Err(
                "issued a token that is not bound to a certificate (it has no `cnf` with `x5t#S256`): switch certificate-bound \
                 tokens on for this client at the provider (`tls_client_certificate_bound_access_tokens`), or do not demand \
                 them by `certificate_bound_tokens`",
            ),
            (Binding::To(thumbprint), Some(shown)) if thumbprint != shown => Err(
                "issued a token that is bound to another certificate than this client has shown (`cnf`, `x5t#S256`): find out \
                 what ends TLS before the token endpoint, and which certificate it hands on",
            ),
            _ => Ok(()),
        }
    }
}

impl OAuth {
    /// The token, if its binding is right. It is renewed before the end of its certificate, and the built-in clients know
    /// which certificate belongs to it.
    ///
    /// # Errors
    ///
    /// *Malformed* if it is bound to another certificate than was shown, or is not bound and must be.
    pub(crate) fn with_its_binding(
        &self,
        issued: Issued,
        answer: &ExchangeAnswer,
    ) -> Result<Issued, ExchangeError> {
        let binding = Binding::of(issued.access_token().expose());
        let checked = binding.check(shown_thumbprint(answer), self.bound_tokens);
        checked.map_err(|flaw| {
            let message = format!("the token endpoint {flaw}");
            ExchangeError::new(ExchangeErrorKind::Malformed, message)
        })?;
        Ok(with_its_certificate(issued, &binding, answer))
    }

    /// # Errors
    ///
    /// *Configuration* if the client of the token endpoint cannot show the certificate of the system.
    #[cfg(feature = "client")]
    pub(crate) fn check_that_the_certificate_was_shown(
        &self,
        answer: &ExchangeAnswer,
    ) -> Result<(), ExchangeError> {
        match (&self.certificate, answer.shown_certificate()) {
            (Some(_), None) => Err(ExchangeError::new(
                ExchangeErrorKind::Configuration,
                "the client of the token endpoint does not show the certificate of the system: use `HttpClient`, or give the \
                 certificate to your client instead",
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(feature = "client")]
fn shown_thumbprint(answer: &ExchangeAnswer) -> Option<&str> {
    answer.shown_certificate().map(ShownCertificate::thumbprint)
}

#[cfg(not(feature = "client"))]
fn shown_thumbprint(_: &ExchangeAnswer) -> Option<&str> {
    None
}

/// A token that is bound to a certificate is of no use after the end of that certificate.
#[cfg(feature = "client")]
fn with_its_certificate(issued: Issued, binding: &Binding, answer: &ExchangeAnswer) -> Issued {
    let Some(shown) = answer.shown_certificate() else { return issued };
    shown.brought(issued.access_token());
    match (binding, answer.received()) {
        (Binding::Unbound, _) | (_, None) => issued,
        (_, Some(now)) => {
            let left = shown.ends().saturating_sub(now.since_epoch());
            issued.with_refresh_after(left.mul_f64(PART_BEFORE_RENEWAL))
        }
    }
}

#[cfg(not(feature = "client"))]
fn with_its_certificate(issued: Issued, _: &Binding, _: &ExchangeAnswer) -> Issued {
    issued
}

/// As for a token, which is renewed at 80 to 90 % of its life.
#[cfg(feature = "client")]
const PART_BEFORE_RENEWAL: f64 = 0.8;

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// The thumbprint of RFC 8705 section 3.1.
    const THUMBPRINT: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";

    fn jwt(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"ES256"}"#), part(claims), part("signature"))
    }

    /// The token of RFC 8705 section 3.1.
    fn bound() -> String {
        jwt(&format!(
            r#"{{"iss":"https://server.example.com","sub":"ty.webb@example.com","exp":1493726400,"nbf":1493722800,"cnf":{{"x5t#S256":"{THUMBPRINT}"}}}}"#
        ))
    }

    #[test]
    fn the_binding_of_a_jwt_is_the_thumbprint_in_its_cnf() {
        let to = |thumbprint: &str| Binding::To(thumbprint.to_owned());
        for (token, binding) in [
            (bound(), to(THUMBPRINT)),
            (jwt(r#"{"cnf":{"x5t#S256":"AAA="}}"#), to("AAA")),
            (
                jwt(r#"{"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}"#),
                Binding::Unbound,
            ),
            (jwt(r#"{"cnf":{"x5t#S256":7}}"#), Binding::Unbound),
            (jwt(r#"{"cnf":null}"#), Binding::Unbound),
            (jwt(r#"{"cnf":"x5t#S256"}"#), Binding::Unbound),
            (jwt("{}"), Binding::Unbound),
            ("an-opaque-token".to_owned(), Binding::Unknown),
            ("a.b.c".to_owned(), Binding::Unknown),
        ] {
            assert_eq!(Binding::of(&token), binding, "{token}");
        }
    }

    #[test]
    fn a_token_for_another_certificate_is_an_error_and_one_without_a_certificate_if_it_must_have_one()
     {
        let to = Binding::of(&bound());
        for (binding, shown, is_demanded, error) in [
            (&to, Some(THUMBPRINT), true, None),
            (&to, Some("another"), false, Some("bound to another certificate")),
            (&to, None, true, None), // a client of the user's, whose certificate is not known
            (&Binding::Unbound, Some(THUMBPRINT), false, None),
            (&Binding::Unbound, Some(THUMBPRINT), true, Some("not bound to a certificate")),
            (&Binding::Unbound, None, true, Some("not bound to a certificate")),
            (&Binding::Unknown, Some(THUMBPRINT), true, None),
        ] {
            let checked = binding.check(shown, is_demanded).err();
            assert_eq!(checked.is_some(), error.is_some(), "{binding:?} {shown:?}");
            assert!(checked.unwrap_or_default().contains(error.unwrap_or_default()), "{checked:?}");
        }
    }
}
