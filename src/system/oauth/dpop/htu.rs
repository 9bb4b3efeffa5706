//! `htu`: the URL of a request as its proof names it (RFC 9449 section 4.2).

use http::Uri;
use percent_encoding::percent_decode_str;

use crate::origin::Origin;

/// How `htu` is made of a URL.
#[derive(Clone, Debug, Default)]
pub(crate) struct HtuOptions {
    /// What the server behind an origin sees in place of the origin.
    pub(crate) bases: Vec<(Origin, String)>,
    /// The path is percent-decoded.
    pub(crate) decoded: bool,
}

impl HtuOptions {
    /// The URL without query and fragment. The host is in lower case, the default port is left out, and the path is
    /// unchanged. `origin` is that of the request. None if it is relative and has no base.
    pub(crate) fn htu(&self, uri: &Uri, origin: &Origin) -> Option<String> {
        let mut htu = match self.bases.iter().find(|(its_origin, _)| its_origin == origin) {
            Some((_, base)) => base.clone(),
            None if *origin == Origin::relative() => return None,
            None => origin.to_string(),
        };
        match percent_decode_str(uri.path()).decode_utf8() {
            Ok(decoded) if self.decoded => htu.push_str(&decoded),
            _ => htu.push_str(uri.path()),
        }
        Some(htu)
    }
}

/// The origin of a request. A URI without authority has the relative one. None if the URI has user information.
pub(crate) fn origin_of(uri: &Uri) -> Option<Origin> {
    match uri.authority() {
        Some(_) => Origin::of_uri(uri),
        None => Some(Origin::relative()),
    }
}

/// The base of an `htu`, without a slash at its end. None if it is no absolute http(s) URL, or has more than a path.
pub(crate) fn base(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let origin = Origin::of_uri(&uri)?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_bare = uri.query().is_none() && !text.contains('#');
    (is_http && is_bare).then(|| format!("{origin}{}", uri.path().trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn htu(options: &HtuOptions, uri: &str) -> Option<String> {
        // `http::Uri` drops the fragment.
        let uri: Uri = uri.parse().unwrap();
        options.htu(&uri, &origin_of(&uri)?)
    }

    #[test]
    fn htu_has_neither_query_nor_fragment_nor_default_port_and_its_path_is_unchanged() {
        for (uri, expected) in [
            (
                "https://resource.example.org/protectedresource",
                "https://resource.example.org/protectedresource",
            ),
            ("https://API.Example.com:443/v1/x?y=1#z", "https://api.example.com/v1/x"),
            (
                "https://api.example.com:8443/a%2Fb/%7Euser?q",
                "https://api.example.com:8443/a%2Fb/%7Euser",
            ),
            ("https://api.example.com", "https://api.example.com/"),
            ("https://idp.example//api/oidc/token", "https://idp.example//api/oidc/token"),
            ("https://[2001:DB8::1]/x", "https://[2001:db8::1]/x"),
            ("http://127.0.0.1:80/x", "http://127.0.0.1/x"),
            ("wss://api.example/feed", "https://api.example/feed"),
        ] {
            assert_eq!(htu(&HtuOptions::default(), uri).as_deref(), Some(expected));
        }
    }

    #[test]
    fn user_information_and_a_relative_uri_without_base_have_no_htu() {
        for uri in ["https://user:pass@api.example/x", "https://user@api.example/x", "/x", "*"] {
            assert_eq!(htu(&HtuOptions::default(), uri), None, "{uri}");
        }
    }

    #[test]
    fn a_base_replaces_its_origin_only() {
        let bases = vec![
            (
                Origin::parse("https://inside.example").unwrap(),
                base("https://Public.example:443/prefix/").unwrap(),
            ),
            (Origin::relative(), base("https://grpc.example").unwrap()),
        ];
        let options = HtuOptions { bases, decoded: false };
        for (uri, expected) in [
            ("https://inside.example:443/a?b", "https://public.example/prefix/a"),
            ("https://inside.example", "https://public.example/prefix/"),
            ("https://inside.example:8443/a", "https://inside.example:8443/a"),
            ("/pkg.Service/Method", "https://grpc.example/pkg.Service/Method"),
        ] {
            assert_eq!(htu(&options, uri).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_decoded_path_is_decoded_once_and_stays_as_it_is_if_it_is_no_text() {
        let options = HtuOptions { decoded: true, ..HtuOptions::default() };
        for (uri, expected) in [
            ("https://api.example/a%2Fb/%7Euser%20x?q=%7E", "https://api.example/a/b/~user x"),
            ("https://api.example/%257E", "https://api.example/%7E"),
            ("https://api.example/%FF", "https://api.example/%FF"),
        ] {
            assert_eq!(htu(&options, uri).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_base_is_an_absolute_http_url_without_query_and_fragment() {
        for wrong in
            ["", "/prefix", "ftp://a", "wss://a", "https://a?b", "https://a#b", "https://u@a/"]
        {
            assert_eq!(base(wrong), None, "{wrong}");
        }
        assert_eq!(base("https://a/b/").as_deref(), Some("https://a/b"));
    }
}
