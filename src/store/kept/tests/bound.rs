//! A crash keeps a refresh token and the key that it is bound to together, at each step.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use super::crashes::child_dies_at;
use super::*;
use crate::system::oauth::builder::OAuthBuilder;
use crate::system::oauth::dpop::Dpop;
use crate::system::oauth::key::signing_key::SigningKey;

const SEED: &str = "the-seed";

/// A public client. Each process makes a key of its own.
pub(super) fn system(endpoint: &str, seed: &str) -> OAuthBuilder {
    OAuth::builder(endpoint)
        .client(OAuthClient::public("app"))
        .grant(OAuthGrant::RefreshToken(seed.into()))
        .dpop(Dpop::new().unwrap())
}

/// Binds each refresh token to the key of the first request that has it, or of the request that it answers.
#[derive(Default)]
struct Bindings {
    /// The `x` of the key of each refresh token.
    keys: HashMap<String, String>,
    with_another_key: usize,
}

struct BindingServer {
    bindings: Mutex<Bindings>,
    endpoint: String,
}

impl BindingServer {
    async fn start() -> Arc<BindingServer> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}/token", listener.local_addr().unwrap());
        let server = Arc::new(BindingServer { bindings: Mutex::default(), endpoint });
        let answering = server.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = answering.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let server = server.clone();
                    async move {
                        let (head, body) = request.into_parts();
                        let form = body.collect().await.unwrap().to_bytes();
                        let proof = head.headers["dpop"].to_str().unwrap();
                        Ok::<_, Infallible>(server.answer(proof, &form))
                    }
                });
                tokio::spawn(async move {
                    let builder = auto::Builder::new(TokioExecutor::new());
                    drop(builder.serve_connection(TokioIo::new(socket), service).await);
                });
            }
        });
        server
    }

    fn answer(&self, proof: &str, form: &[u8]) -> Response<Full<Bytes>> {
        let header = URL_SAFE_NO_PAD.decode(proof.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let key = header["jwk"]["x"].as_str().unwrap().to_owned();
        let form = std::str::from_utf8(form).unwrap();
        let token = form.split('&').find_map(|it| it.strip_prefix("refresh_token=")).unwrap();
        let mut bindings = self.bindings.lock().unwrap();
        if *bindings.keys.entry(token.to_owned()).or_insert_with(|| key.clone()) != key {
            bindings.with_another_key += 1;
            let refusal = Full::from(r#"{"error":"invalid_grant"}"#);
            return Response::builder().status(400).body(refusal).unwrap();
        }
        let next = format!("r{}", bindings.keys.len());
        bindings.keys.insert(next.clone(), key);
        Response::new(Full::from(format!(
            r#"{{"access_token":"a-{next}","token_type":"DPoP","expires_in":3600,"refresh_token":"{next}"}}"#
        )))
    }

    /// The key of the token in this file is the one that the server has bound it to.
    fn assert_belong_together(&self, file: &Path, at: usize) {
        let login: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        let key = SigningKey::parse(login["dpop_key"].as_str().unwrap()).unwrap();
        assert_eq!(login["dpop_thumbprint"], key.thumbprint(), "{at}");
        let public: Value = serde_json::from_str(&key.public_jwk()).unwrap();
        let bindings = self.bindings.lock().unwrap();
        let bound = bindings.keys.get(login["token"].as_str().unwrap());
        // Before the first request, the server knows nothing of the seed.
        assert!(bound.is_none_or(|bound| public["x"] == **bound), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_at_each_step_a_refresh_token_and_its_key_are_together() {
    let rows =
        (2..=STEPS.len()).map(|at| (true, at)).chain((1..=STEPS.len()).map(|at| (false, at)));
    for (is_first, at) in rows {
        let (server, clock) = (BindingServer::start().await, ManualClock::new());
        let folder = std::env::temp_dir().join(format!("toa-bound-{:016x}", fastrand::u64(..)));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("login.json");
        let process =
            || source(Kind::Bound, &server.endpoint, ("", ""), SEED, file.clone(), None, &clock);
        if !is_first {
            process().token().await.unwrap();
        }
        clock.advance(HOUR);
        tokio::task::block_in_place(|| {
            child_dies_at(at, Kind::Bound, &server.endpoint, ("-", "-"), SEED, &file);
        });
        // The first file has the mark.
        assert_eq!(file.exists(), !is_first || at >= MARKED, "{at}");
        if file.exists() {
            server.assert_belong_together(&file, at);
        }
        for _ in 0..2 {
            process().token().await.unwrap();
            clock.advance(HOUR);
            server.assert_belong_together(&file, at);
        }
        assert_eq!(server.bindings.lock().unwrap().with_another_key, 0, "{at}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
