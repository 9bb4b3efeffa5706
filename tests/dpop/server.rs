//! A token endpoint and an API on one host, which check each proof as RFC 9449 section 4.3 says.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use serde_json::Value;
use tower::Service;
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::testkit::ManualClock;

pub(crate) const HOST: &str = "https://one.example";

#[derive(Clone, Default)]
pub(crate) struct Server(Arc<Mutex<State>>);

/// What one side of the server demands, and what it has seen.
#[derive(Default)]
pub(crate) struct Side {
    /// The nonce that each proof must have.
    pub(crate) nonce: Option<String>,
    /// The nonce in each answer. None: that of `nonce` in challenges only.
    pub(crate) hands_out: Option<String>,
    /// Each nonce is valid once: an answer of the API has the next one, `n1`, `n2` and so on.
    pub(crate) once: bool,
    /// The status of a challenge for a nonce: 401 at first at the API, 400 at the token endpoint.
    pub(crate) challenge_status: u16,
    /// Each proof is refused with this code.
    pub(crate) refuses: Option<&'static str>,
    /// The nonce of each request.
    pub(crate) nonces: Vec<Option<String>>,
    /// Requests that were answered as they should be.
    pub(crate) accepted: usize,
}

#[derive(Default)]
pub(crate) struct State {
    clock: Option<ManualClock>,
    pub(crate) endpoint: Side,
    pub(crate) api: Side,
    /// The type that the token endpoint states. None: `DPoP`.
    pub(crate) token_type: Option<&'static str>,
    /// Answers have refresh tokens.
    pub(crate) refresh: bool,
    /// Refresh tokens are bound to the key of their request, as those of a public client are. Each can be used once.
    pub(crate) logins: HashMap<String, Login>,
    /// How often a refresh token was redeemed, came with another key, or came again.
    pub(crate) redeemed: usize,
    pub(crate) with_another_key: usize,
    pub(crate) reused: usize,
    /// The forms that the token endpoint got.
    pub(crate) forms: Vec<String>,
    /// Each token with the thumbprint of its key.
    pub(crate) tokens: HashMap<String, String>,
    pub(crate) issued: usize,
    pub(crate) revoked: HashSet<String>,
    jwt_ids: HashSet<String>,
    /// What is wrong with proofs, apart from their nonces.
    pub(crate) wrong: Vec<String>,
    pub(crate) bodies: Vec<Bytes>,
    /// Requests of the API with the scheme Bearer, and whether they had a proof.
    pub(crate) bearers: Vec<bool>,
    pub(crate) uris: Vec<String>,
}

/// A refresh token.
pub(crate) struct Login {
    /// None if it was issued without a key.
    pub(crate) thumbprint: Option<String>,
    spent: bool,
}

impl Server {
    /// A person logs in. Returns the refresh token.
    pub(crate) fn log_in(&self, thumbprint: Option<String>) -> String {
        let mut state = self.state();
        state.refresh = true;
        let token = format!("seed{}", state.logins.len());
        state.logins.insert(token.clone(), Login { thumbprint, spent: false });
        token
    }

    pub(crate) fn set_clock(&self, clock: &ManualClock) {
        self.state().clock = Some(clock.clone());
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn revoke(&self, token: &str) {
        self.state().revoked.insert(token.to_owned());
    }

    /// `base` is the scheme and the authority, if the URI has none.
    pub(crate) fn answer(&self, head: &Parts, body: Bytes, base: &str) -> Response<Full<Bytes>> {
        let mut state = self.state();
        let url = match head.uri.authority() {
            Some(_) => head.uri.to_string(),
            None => format!("{base}{}", head.uri),
        };
        state.uris.push(url.clone());
        let htu = url.split(['?', '#']).next().unwrap().to_owned();
        match head.uri.path() {
            "/token" => state.exchange(head, &htu, &body),
            _ => state.call(head, &htu, body),
        }
    }
}

struct Proof {
    nonce: Option<String>,
    ath: Option<String>,
    thumbprint: String,
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

/// Checks the signature. Returns the thumbprint of the key and the claims.
fn verified(proof: &str) -> Result<(String, Value), &'static str> {
    let parts: Vec<_> = proof.split('.').collect();
    let header: Value = serde_json::from_slice(&decoded(parts[0])).unwrap();
    let jwk = &header["jwk"];
    let member = |name: &str| jwk[name].as_str().unwrap();
    let (signed, signature) = proof.rsplit_once('.').unwrap();
    let (signed, signature) = (signed.as_bytes(), decoded(signature));
    let (is_signed, members) = match header["alg"].as_str().unwrap() {
        "ES256" => {
            let point = [vec![4], decoded(member("x")), decoded(member("y"))].concat();
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            let members = format!(
                r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#,
                member("x"),
                member("y")
            );
            (key.verify(signed, &signature).is_ok(), members)
        }
        "EdDSA" => {
            let key = UnparsedPublicKey::new(&ED25519, decoded(member("x")));
            let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, member("x"));
            (key.verify(signed, &signature).is_ok(), members)
        }
        _ => return Err("another algorithm"),
    };
    if !is_signed {
        return Err("the signature");
    }
    if header["typ"] != "dpop+jwt" || jwk.get("d").is_some() {
        return Err("the header");
    }
    Ok((hash(&members), serde_json::from_slice(&decoded(parts[1])).unwrap()))
}

impl State {
    fn proof(&mut self, head: &Parts, htu: &str) -> Result<Proof, String> {
        let proofs: Vec<_> = head.headers.get_all("dpop").iter().collect();
        let [proof] = proofs[..] else { return Err(format!("{} proofs", proofs.len())) };
        let (thumbprint, claims) = verified(proof.to_str().unwrap())?;
        let text = |name: &str| claims.get(name).map(|it| it.as_str().unwrap().to_owned());
        if !self.jwt_ids.insert(text("jti").unwrap()) {
            return Err("a proof that was used before".to_owned());
        }
        if claims["htm"] != head.method.as_str() || claims["htu"] != htu {
            return Err(format!("{} {} for {} {htu}", claims["htm"], claims["htu"], head.method));
        }
        if let Some(clock) = &self.clock {
            let now = clock.now().since_epoch().as_secs();
            if claims["iat"].as_u64().unwrap().abs_diff(now) > 5 {
                return Err("iat".to_owned());
            }
        }
        Ok(Proof { nonce: text("nonce"), ath: text("ath"), thumbprint })
    }

    fn exchange(&mut self, head: &Parts, htu: &str, body: &Bytes) -> Response<Full<Bytes>> {
        let form = String::from_utf8(body.to_vec()).unwrap();
        self.forms.push(form);
        let error = |side: &Side, code: &str| {
            let answer = side
                .answer(if side.challenge_status == 0 { 400 } else { side.challenge_status }, true);
            answer.body(Full::from(format!(r#"{{"error":"{code}"}}"#))).unwrap()
        };
        let proof = match self.proof(head, htu) {
            Ok(proof) => proof,
            Err(wrong) => {
                self.wrong.push(format!("token endpoint: {wrong}"));
                return error(&self.endpoint, "invalid_dpop_proof");
            }
        };
        if proof.ath.is_some() {
            self.wrong.push("token endpoint: ath".to_owned());
        }
        self.endpoint.nonces.push(proof.nonce.clone());
        if let Some(code) = self.endpoint.refuses {
            return error(&self.endpoint, code);
        }
        if self.endpoint.nonce.is_some() && proof.nonce != self.endpoint.nonce {
            return error(&self.endpoint, "use_dpop_nonce");
        }
        let form = self.forms.last().cloned().unwrap();
        let redeemed = form.split('&').find_map(|it| it.strip_prefix("refresh_token="));
        if let Some(token) = redeemed.filter(|_| !self.logins.is_empty())
            && let Err(code) = self.redeem(token, &proof.thumbprint)
        {
            return error(&self.endpoint, code);
        }
        self.issued += 1;
        self.endpoint.accepted += 1;
        let (token, token_type) = (format!("t{}", self.issued), self.token_type.unwrap_or("DPoP"));
        self.tokens.insert(token.clone(), proof.thumbprint.clone());
        let refresh = if self.refresh {
            let login = Login { thumbprint: Some(proof.thumbprint), spent: false };
            self.logins.insert(format!("r{}", self.issued), login);
            format!(r#","refresh_token":"r{}""#, self.issued)
        } else {
            String::new()
        };
        let body = format!(
            r#"{{"access_token":"{token}","token_type":"{token_type}","expires_in":3600{refresh}}}"#
        );
        self.endpoint.answer(200, false).body(Full::from(body)).unwrap()
    }

    fn redeem(&mut self, token: &str, thumbprint: &str) -> Result<(), &'static str> {
        let login = self.logins.get_mut(token).ok_or("invalid_grant")?;
        if login.thumbprint.as_deref().is_some_and(|it| it != thumbprint) {
            self.with_another_key += 1;
            return Err("invalid_grant");
        }
        if std::mem::replace(&mut login.spent, true) {
            self.reused += 1;
            return Err("invalid_grant");
        }
        self.redeemed += 1;
        Ok(())
    }

    fn call(&mut self, head: &Parts, htu: &str, body: Bytes) -> Response<Full<Bytes>> {
        self.bodies.push(body);
        let authorization = head.headers["authorization"].to_str().unwrap();
        if authorization.starts_with("Bearer ") {
            self.bearers.push(head.headers.contains_key("dpop"));
            return self.api.answer(200, false).body(Full::from("ok")).unwrap();
        }
        let token = authorization.strip_prefix("DPoP ").unwrap().to_owned();
        let refusal = |side: &Side, status: u16, code: &str| {
            let challenge = format!(r#"Bearer realm="x", DPoP algs="ES256", error="{code}""#);
            let answer = side.answer(status, true).header("www-authenticate", challenge);
            answer.body(Full::from("the refusal")).unwrap()
        };
        let proof = match self.proof(head, htu) {
            Ok(proof) => proof,
            Err(wrong) => {
                self.wrong.push(format!("API: {wrong}"));
                return refusal(&self.api, 401, "invalid_dpop_proof");
            }
        };
        if proof.ath != Some(hash(&token)) {
            self.wrong.push("API: ath".to_owned());
        }
        if self.tokens.get(&token) != Some(&proof.thumbprint) {
            self.wrong.push("API: a token with another key".to_owned());
        }
        self.api.nonces.push(proof.nonce.clone());
        if let Some(code) = self.api.refuses {
            return refusal(&self.api, 401, code);
        }
        if self.api.nonce.is_some() && proof.nonce != self.api.nonce {
            let status =
                if self.api.challenge_status == 0 { 401 } else { self.api.challenge_status };
            return refusal(&self.api, status, "use_dpop_nonce");
        }
        if self.revoked.contains(&token) {
            return refusal(&self.api, 401, "invalid_token");
        }
        self.api.accepted += 1;
        if self.api.once {
            let next = format!("n{}", self.api.accepted);
            self.api.demand(&next);
            self.api.hands_out = Some(next);
        }
        match head.uri.path() {
            "/redirect" => {
                let answer = self.api.answer(302, false).header("location", "/arrived");
                answer.body(Full::default()).unwrap()
            }
            _ => self.api.answer(200, false).body(Full::from("ok")).unwrap(),
        }
    }
}

impl Side {
    pub(crate) fn demand(&mut self, nonce: &str) {
        self.nonce = Some(nonce.to_owned());
    }

    fn answer(&self, status: u16, is_challenge: bool) -> http::response::Builder {
        let nonce = self.hands_out.as_ref().or(self.nonce.as_ref().filter(|_| is_challenge));
        let answer = Response::builder().status(status);
        match nonce {
            Some(nonce) => answer.header("dpop-nonce", nonce),
            None => answer,
        }
    }
}

impl<B> Service<Request<B>> for Server
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: std::fmt::Debug,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            tokio::task::yield_now().await;
            Ok(server.answer(&head, body, HOST))
        })
    }
}

/// The `jti` of a JWT in a form or a header.
pub(crate) fn jwt_id(jwt: &str) -> String {
    let claims: Value = serde_json::from_slice(&decoded(jwt.split('.').nth(1).unwrap())).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}
