//! How an OAuth 2.0 client authenticates (RFC 6749 section 2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use zeroize::Zeroizing;

use crate::endpoint::encoding::{form, percent};
use crate::secret::Secret;

/// Where a request has the client's id and secret. They are never in both places, because servers refuse that (RFC
/// 6749 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuth {
    /// In the `Authorization` header (`client_secret_basic`), with this encoding. The default is
    /// [`BasicEncoding::Auto`].
    Basic(BasicEncoding),
    /// In the body (`client_secret_post`), which has only one encoding.
    Post,
}

impl Default for ClientAuth {
    fn default() -> ClientAuth {
        ClientAuth::Basic(BasicEncoding::Auto)
    }
}

/// How id and secret are encoded before they are joined for Basic. It matters only if they have characters other than
/// letters, digits and `-._~`. Servers disagree about these characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BasicEncoding {
    /// First [`Percent`](BasicEncoding::Percent). If that is refused and the other encoding differs, then
    /// once [`Raw`](BasicEncoding::Raw). The encoding that worked is remembered. This is the default.
    #[default]
    Auto,
    /// Every byte except letters, digits and `-._~` as `%XX`. Every server that decodes understands
    /// this.
    Percent,
    /// Not encoded, for servers that do not decode, such as Keycloak up to 18.
    Raw,
    /// As in RFC 6749 appendix B: like `Percent`, but a blank is `+`.
    Form,
}

/// `Basic <base64 of id:secret>`, marked sensitive. The encoding must not be `Auto`.
pub(crate) fn basic(id: &str, secret: &Secret, encoding: BasicEncoding) -> HeaderValue {
    let encode = |text: &str| match encoding {
        BasicEncoding::Raw => Zeroizing::new(text.to_owned()),
        BasicEncoding::Form => form(text),
        BasicEncoding::Auto | BasicEncoding::Percent => percent(text),
    };
    let pair = Zeroizing::new(format!("{}:{}", *encode(id), *encode(secret.expose())));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())).into_bytes());
    // Base64 is visible ASCII, so this is always a valid header value.
    let value = HeaderValue::from_maybe_shared(bytes::Bytes::from_owner(value));
    let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::encoding::is_ambiguous;

    fn header(id: &str, secret: &str, encoding: BasicEncoding) -> String {
        let value = basic(id, &secret.into(), encoding);
        assert!(value.is_sensitive());
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn basic_matches_the_examples_of_the_rfcs() {
        for (id, secret, value) in [
            (
                "s6BhdRkqt3",
                "7Fjfp0ZBr1KtDRbnfVdmIw",
                "czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3",
            ),
            ("s6BhdRkqt3", "gX1fBat3bV", "czZCaGRSa3F0MzpnWDFmQmF0M2JW"),
            ("rs08", "long-secure-random-secret", "cnMwODpsb25nLXNlY3VyZS1yYW5kb20tc2VjcmV0"),
            ("Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("test", "123£", "dGVzdDoxMjPCow=="),
        ] {
            assert_eq!(header(id, secret, BasicEncoding::Raw), format!("Basic {value}"));
            if !is_ambiguous(secret) {
                for encoding in [BasicEncoding::Auto, BasicEncoding::Percent, BasicEncoding::Form] {
                    assert_eq!(header(id, secret, encoding), format!("Basic {value}"));
                }
            }
        }
    }

    #[test]
    fn the_three_encodings_differ_in_reserved_characters() {
        let (id, secret) = ("id %&+£€", "sec %&+£€");
        let form =
            "Basic aWQrJTI1JTI2JTJCJUMyJUEzJUUyJTgyJUFDOnNlYyslMjUlMjYlMkIlQzIlQTMlRTIlODIlQUM=";
        let percent = "Basic aWQlMjAlMjUlMjYlMkIlQzIlQTMlRTIlODIlQUM6c2VjJTIwJTI1JTI2JTJCJUMyJUEzJUUyJTgyJUFD";
        assert_eq!(header(id, secret, BasicEncoding::Form), form);
        assert_eq!(header(id, secret, BasicEncoding::Percent), percent);
        assert_eq!(*super::form(" %&+£€"), "+%25%26%2B%C2%A3%E2%82%AC");
        assert!(is_ambiguous(id) && !is_ambiguous("aZ9-._~"));
    }
}
