//! Makes bodies, headers and JWTs of what a scenario writes, and finds the names of tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Response;
use ring::hmac;
use serde_json::{Value, json};

use crate::endpoint::scheme::Scheme;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::exchange::error::ExchangeErrorKind;
use crate::scheme::rotation::Adopt;
use crate::secret::Secret;
use crate::system::atlas::Atlas;
use crate::system::oauth::client_credentials::ClientCredentials;
use crate::system::oauth::refresh::RefreshTokenIn;
use crate::system::rotating::Rotating;
use crate::token::machine::scenarios::format::{Jwt, SchemeName, Texts};
use crate::token::machine::scenarios::units::Shift;
use crate::token::machine::scenarios::world::{SECRET, WALL_CLOCK, World};

impl World {
    /// The name of a token in the scenario.
    pub(crate) fn name_of(&self, text: &str) -> String {
        let named = self.jwts.iter().find(|(_, jwt)| *jwt == text);
        named.map_or(text, |(name, _)| name).to_owned()
    }

    /// Replaces the names of JWTs by their texts.
    pub(crate) fn with_jwts(&self, text: &str) -> String {
        let words = text.split(' ').map(|word| self.jwts.get(word).map_or(word, String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn named(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => Value::String(self.with_jwts(text)),
            Value::Object(members) => {
                members.iter().map(|(name, value)| (name.clone(), self.named(value))).collect()
            }
            other => other.clone(),
        }
    }

    pub(crate) fn response(
        &self,
        status: u16,
        headers: &BTreeMap<String, Texts>,
        body: Bytes,
        number: usize,
    ) -> Result<Response<Bytes>, String> {
        let mut response = Response::builder().status(status);
        for (name, values) in headers {
            for value in values.all() {
                let value = value.replace('#', &number.to_string());
                response = response.header(name, self.with_jwts(&value));
            }
        }
        response.body(body).map_err(|error| error.to_string())
    }
}

pub(crate) fn shown_by(request_name: &str, spent: Option<&Secret>) -> String {
    let refresh = spent.filter(|_| request_name == "refresh");
    refresh.map_or("credentials", Secret::expose).to_owned()
}

/// Replaces `#` by the number of the exchange.
pub(crate) fn numbered(body: &Value, number: usize) -> Value {
    match body {
        Value::String(text) => Value::String(text.replace('#', &number.to_string())),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), numbered(value, number))).collect()
        }
        other => other.clone(),
    }
}

pub(crate) fn scheme(name: SchemeName) -> Result<Arc<dyn Scheme>, crate::error::Error> {
    let oauth = || ClientCredentials::new("https://auth.example/token", "id", SECRET);
    let atlas = || Atlas::new("https://atlas.example/authtoken", "id", SECRET);
    let rotating = || Rotating::new("https://api.example", "key", SECRET);
    Ok(match name {
        SchemeName::ClientCredentials => Arc::new(oauth()?),
        SchemeName::ClientCredentialsWithRefreshTokens => Arc::new(oauth()?.with_refresh_tokens()),
        SchemeName::Atlas => Arc::new(atlas()?),
        SchemeName::AtlasWithRefreshTokens => {
            let endpoint = TokenEndpoint::parse("https://atlas.example/refreshtoken")?;
            Arc::new(atlas()?.with_refresh(endpoint, RefreshTokenIn::default()))
        }
        SchemeName::Rotating => Arc::new(rotating()?),
        SchemeName::RotatingWhenDue => Arc::new(rotating()?.adopt(Adopt::WhenDue)),
    })
}

pub(crate) fn kind_of(label: &str) -> Result<ExchangeErrorKind, String> {
    use ExchangeErrorKind::{Configuration, Panicked, Reentrant, Timeout, Unreachable};
    let kinds = [Unreachable, Timeout, Panicked, Configuration, Reentrant];
    let found = kinds.into_iter().find(|kind| kind.as_str() == label);
    found.ok_or_else(|| format!("{label:?} is no way in which an exchange ends without an answer"))
}

/// A JWT with these claims. A text in `iat` or `exp` is a span since the beginning of the scenario.
pub(crate) fn jwt(it: &Jwt) -> Result<String, String> {
    let mut claims = it.claims.clone();
    for name in ["iat", "exp"] {
        let Some(Value::String(text)) = claims.get(name) else { continue };
        let signed = if text.starts_with(['+', '-']) { text.clone() } else { format!("+{text}") };
        let offset = Shift::try_from(signed)?.0 / 1_000_000_000;
        claims.insert(name.to_owned(), json!(i128::from(WALL_CLOCK) + offset));
    }
    if let Some(length) = it.padding {
        claims.insert("padding".to_owned(), json!("x".repeat(length)));
    }
    let alg = it.alg.as_deref().unwrap_or("HS256");
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg, "typ": "JWT"}).to_string());
    let claims = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
    let signed = format!("{header}.{claims}");
    let key = it.signed_with.as_deref().unwrap_or(SECRET);
    let algorithm = if alg == "HS512" { hmac::HMAC_SHA512 } else { hmac::HMAC_SHA256 };
    let signature = hmac::sign(&hmac::Key::new(algorithm, key.as_bytes()), signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
