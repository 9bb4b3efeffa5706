//! A server that checks what it gets and answers as Entra does.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, PublicKeyData, date_time_ymd};
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::json;
use sha2::{Digest, Sha256};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::testkit::ManualClock;

use crate::assertions::read;
use crate::imitation::{Imitation, Received, response};
pub(crate) use crate::vectors::{new_rsa, rsa};

pub(crate) const APP: &str = "00000000-0000-0000-0000-000000000001";
pub(crate) const SECRET: &str = "the~secret of the app";
pub(crate) const TOKEN_PATH: &str = "/contoso/oauth2/v2.0/token";

/// A certificate, as an operator makes it and as Entra registers it.
pub(crate) struct Registered {
    pub(crate) pem: String,
    pub(crate) thumbprint: String,
    public_key: Vec<u8>,
}

impl Registered {
    /// A certificate of this key, until the year begins.
    pub(crate) fn of(key: &str, year: i32) -> Registered {
        let pair = KeyPair::from_pem_and_sign_algo(key, &PKCS_RSA_SHA256).unwrap();
        let mut params = CertificateParams::new(["billing".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.self_signed(&pair).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()));
        Registered { pem: certificate.pem(), thumbprint, public_key: pair.der_bytes().to_vec() }
    }
}

/// What Entra knows of the app.
pub(crate) struct App {
    pub(crate) certificates: Vec<Registered>,
    /// The token of the pod, which Entra accepts.
    pub(crate) federated: Arc<Mutex<String>>,
    pub(crate) clock: ManualClock,
}

impl App {
    pub(crate) fn new(clock: &ManualClock) -> App {
        App { certificates: Vec::new(), federated: Arc::default(), clock: clock.clone() }
    }

    pub(crate) async fn start(self) -> Imitation {
        let (issued, seen) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        Imitation::start(move |request| match self.refusal(request, &seen) {
            Some((status, code, number)) => refusal(status, code, number),
            None => {
                let token = format!("t{}", issued.fetch_add(1, Ordering::SeqCst));
                let body = json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 86_399,
                    "access_token": token});
                response(200, &[("content-type", "application/json")], &body.to_string())
            }
        })
        .await
    }

    /// The status, the code and the number of a refusal.
    fn refusal(
        &self,
        request: &Received,
        seen: &Mutex<Vec<String>>,
    ) -> Option<(u16, &'static str, u32)> {
        if request.path() != TOKEN_PATH {
            return Some((400, "invalid_request", 90_002));
        }
        if param(request, "client_id").as_deref() != Some(APP) {
            return Some((400, "unauthorized_client", 700_016));
        }
        if param(request, "grant_type").as_deref() != Some("client_credentials") {
            return Some((400, "unsupported_grant_type", 70_003));
        }
        if param(request, "scope").as_deref() != Some("https://graph.microsoft.com/.default") {
            return Some((400, "invalid_scope", 1_002_012));
        }
        match (param(request, "client_secret"), param(request, "client_assertion")) {
            (Some(secret), None) if secret == SECRET => None,
            (Some(_), None) => Some((401, "invalid_client", 7_000_215)),
            (None, Some(jwt)) => {
                let kind = param(request, "client_assertion_type").unwrap();
                assert_eq!(kind, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                match *self.federated.lock().unwrap() == jwt {
                    true => None,
                    false => Some((401, "invalid_client", self.flaw(request, &jwt, seen)?)),
                }
            }
            _ => Some((401, "invalid_client", 7_000_216)),
        }
    }

    /// The number for an assertion of the client's own that is not good.
    fn flaw(&self, request: &Received, jwt: &str, seen: &Mutex<Vec<String>>) -> Option<u32> {
        let (header, claims) = read(jwt);
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        let known = self.certificates.iter().find(|it| header["x5t#S256"] == it.thumbprint);
        let is_signed = header["alg"] == "PS256"
            && header["typ"] == "JWT"
            && known.is_some_and(|it| {
                let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
                UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &it.public_key)
                    .verify(signed.as_bytes(), &signature)
                    .is_ok()
            });
        let now = self.clock.now().since_epoch().as_secs();
        let is_in_time = claims["nbf"].as_u64()? <= now && now < claims["exp"].as_u64()?;
        let endpoint = format!("http://{}{TOKEN_PATH}", request.header("host"));
        let jti = claims["jti"].as_str().unwrap().to_owned();
        let is_new = !seen.lock().unwrap().contains(&jti);
        seen.lock().unwrap().push(jti);
        match () {
            () if !is_signed => Some(700_027),
            () if !is_in_time => Some(700_024),
            () if claims["aud"] != endpoint => Some(700_023),
            () if claims["iss"] != APP || claims["sub"] != APP || !is_new => Some(7_000_214),
            () => None,
        }
    }
}

/// A parameter of the form, decoded.
pub(crate) fn param(request: &Received, name: &str) -> Option<String> {
    let pair = request.body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    let text = pair?.replace('+', " ");
    Some(percent_encoding::percent_decode_str(&text).decode_utf8().unwrap().into_owned())
}

fn refusal(status: u16, code: &str, number: u32) -> Response<String> {
    let body = json!({
        "error": code,
        "error_description": format!("AADSTS{number}: a sentence for people. Trace ID: 0001"),
        "error_codes": [number],
        "timestamp": "2026-01-01 00:00:00Z",
        "trace_id": "00000000-0000-0000-0000-00000000aaaa",
        "correlation_id": "00000000-0000-0000-0000-00000000bbbb",
        "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
    });
    response(status, &[("content-type", "application/json")], &body.to_string())
}
