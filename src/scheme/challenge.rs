//! What a refusal says of itself: `WWW-Authenticate` (RFC 9110 section 11.6.1).
//!
//! Several challenges may stand in one header, and several headers in a response; their parameters are
//! separated by the same comma. What cannot be read is skipped: a refusal without a reason is still one.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// Of all values together, this much is read.
const MAX_BYTES: usize = 8 * 1024;
const MAX_CHALLENGES: usize = 16;

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge<'a> {
    /// To be compared without regard to case.
    pub(crate) scheme: &'a str,
    /// Names to be compared without regard to case.
    pub(crate) params: Vec<(&'a str, Cow<'a, str>)>,
}

impl Challenge<'_> {
    /// The value of a parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(its_name, _)| its_name.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }
}

/// Whether a refusal is about the token. `insufficient_scope` and `invalid_request` (RFC 6750 section 3.1)
/// are not, unless another challenge says that it is: a new token would be refused alike.
pub(crate) fn is_about_the_token(headers: &HeaderMap) -> bool {
    let mut other_reason = false;
    for challenge in challenges(headers) {
        match challenge.param("error") {
            Some("insufficient_scope" | "invalid_request") => other_reason = true,
            Some(_) => return true,
            None => {}
        }
    }
    !other_reason
}

/// The challenges of a response.
pub(crate) fn challenges(headers: &HeaderMap) -> Vec<Challenge<'_>> {
    let mut all = Vec::new();
    let mut left = MAX_BYTES;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Some(rest) = left.checked_sub(value.len()) else { break };
        left = rest;
        // Some servers put UTF-8 into a description.
        if let Ok(text) = std::str::from_utf8(value.as_bytes()) {
            Reader(text).read_into(&mut all);
        }
    }
    all
}

/// What is left to read.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn read_into(mut self, all: &mut Vec<Challenge<'a>>) {
        while all.len() < MAX_CHALLENGES {
            self.skip(|c| matches!(c, ' ' | '\t' | ','));
            let Some(scheme) = self.token() else { return };
            let mut challenge = Challenge { scheme, params: Vec::new() };
            let complete = self.read_params(&mut challenge);
            all.push(challenge);
            if complete.is_none() {
                return;
            }
        }
    }

    /// Reads up to the next challenge. `None`: what follows cannot be read.
    fn read_params(&mut self, challenge: &mut Challenge<'a>) -> Option<()> {
        self.skip_blanks();
        if self.token68() {
            return Some(());
        }
        loop {
            self.skip(|c| matches!(c, ' ' | '\t' | ','));
            if self.0.is_empty() {
                return Some(());
            }
            let before = self.0;
            let name = self.token()?;
            self.skip_blanks();
            let Some(after) = self.0.strip_prefix('=') else {
                self.0 = before; // the scheme of the next challenge
                return Some(());
            };
            self.0 = after;
            self.skip_blanks();
            let value = if self.0.starts_with('"') { self.quoted()? } else { self.token()?.into() };
            challenge.params.push((name, value));
        }
    }

    /// A credential-like value in the place of parameters, such as Negotiate's.
    fn token68(&mut self) -> bool {
        let is_char = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        let rest = self.0.trim_start_matches(is_char);
        let padded = rest.trim_start_matches('=');
        let after = padded.trim_start_matches([' ', '\t']);
        // A bare word before a blank is the next scheme's; one before a comma or the end is a value.
        let found = rest.len() < self.0.len() && (after.is_empty() || after.starts_with(','));
        if found {
            self.0 = after;
        }
        found
    }

    fn token(&mut self) -> Option<&'a str> {
        let is_char = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let rest = self.0.trim_start_matches(is_char);
        let token = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let text = self.0.strip_prefix('"')?;
        let mut escaped = false;
        let end = text.char_indices().find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        let (end, _) = end?;
        self.0 = &text[end + 1..];
        let text = &text[..end];
        if !text.contains('\\') {
            return Some(text.into());
        }
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            plain.push(if c == '\\' { chars.next()? } else { c });
        }
        Some(plain.into())
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(skipped);
    }

    fn skip_blanks(&mut self) {
        self.skip(|c| matches!(c, ' ' | '\t'));
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn shown(values: &[&str]) -> Vec<String> {
        let headers = headers(values);
        let show = |challenge: Challenge<'_>| {
            let params = challenge.params.iter().map(|(name, value)| format!(" {name}={value}"));
            challenge.scheme.to_owned() + &params.collect::<String>()
        };
        challenges(&headers).into_iter().map(show).collect()
    }

    #[test]
    fn several_challenges_in_one_header_and_in_several_are_told_apart() {
        for (values, expected) in [
            (&["Bearer"][..], &["Bearer"][..]),
            (
                &[
                    r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#,
                ],
                &["Basic realm=simple", r#"Newauth realm=apps type=1 title=Login to "apps""#],
            ),
            (
                &[r#"Bearer realm="api", DPoP algs="ES256 PS256""#],
                &["Bearer realm=api", "DPoP algs=ES256 PS256"],
            ),
            (&[r#"Bearer, DPoP algs="ES256""#], &["Bearer", "DPoP algs=ES256"]),
            (&["Negotiate YWJj==, Bearer"], &["Negotiate", "Bearer"]),
            (
                &["Negotiate", r#"bearer ERROR = "invalid_token""#],
                &["Negotiate", "bearer ERROR=invalid_token"],
            ),
            (
                &[r#"Bearer error="invalid_token",error_description="a, b=c""#],
                &["Bearer error=invalid_token error_description=a, b=c"],
            ),
            (&[", ,Bearer a=1,, b=2 ,"], &["Bearer a=1 b=2"]),
            (&["Bearer , a=1"], &["Bearer a=1"]),
            (&[r#"Bearer a="unclosed"#], &["Bearer"]),
            (&["Bearer a=;;"], &["Bearer"]),
            (&["", "@", "\"x\""], &[]),
            (&["Bearer error_description=\"größer\""], &["Bearer error_description=größer"]),
        ] {
            assert_eq!(shown(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_401_is_about_the_token_unless_it_says_otherwise() {
        for (values, about_the_token) in [
            (&[][..], true),
            (&["Bearer"], true),
            (&[r#"Bearer error="invalid_token""#], true),
            (&[r#"Bearer error="insufficient_scope", scope="admin""#], false),
            (&["bearer error=invalid_request"], false),
            (&["Basic realm=x", r#"Bearer error="insufficient_scope""#], false),
            (&[r#"Bearer error="insufficient_scope", DPoP error="invalid_token""#], true),
            (&["garbage \u{1}"][..0], true),
        ] {
            assert_eq!(is_about_the_token(&headers(values)), about_the_token, "{values:?}");
        }
    }

    /// What servers of others really sent, and the texts of the RFCs.
    #[test]
    fn the_challenges_of_real_servers_are_read() {
        let corpus = include_str!("../../tests/data/www_authenticate_corpus.json");
        let corpus: Vec<serde_json::Value> = serde_json::from_str(corpus).unwrap();
        let mut read = 0;
        for case in &corpus {
            let Some(value) = case["www_authenticate"].as_str() else { continue };
            let headers = headers(&[value]);
            let challenges = challenges(&headers);
            assert!(!challenges.is_empty(), "{value}");
            let known = ["bearer", "dpop", "basic", "newauth", "negotiate"];
            for challenge in &challenges {
                let scheme = challenge.scheme.to_ascii_lowercase();
                assert!(known.contains(&scheme.as_str()), "{scheme} in {value}");
            }
            // Every quoted value stands in a parameter, whole.
            let quoted = value.replace("\\\"", "'");
            for part in quoted.split('"').skip(1).step_by(2) {
                let is_there = |value: &str| value.replace('"', "'") == part;
                let mut params = challenges.iter().flat_map(|challenge| &challenge.params);
                assert!(params.any(|(_, value)| is_there(value)), "{part:?} of {value}");
            }
            read += 1;
        }
        assert!(read > 20, "{read} of {}", corpus.len());
    }

    #[test]
    fn what_a_server_may_send_is_bounded() {
        assert_eq!(shown(&[&"A a=1,".repeat(1_000)]).len(), 16);
        assert_eq!(shown(&[&"x".repeat(9_000), "Bearer"]), Vec::<String>::new());
        assert_eq!(shown(&["Bearer"; 100]).len(), 16);
        let deep = format!(r#"Bearer a="{}""#, r"\\".repeat(4_000));
        assert_eq!(shown(&[&deep])[0].len(), "Bearer a=".len() + 4_000);
    }
}
