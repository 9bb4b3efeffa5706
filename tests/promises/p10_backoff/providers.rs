//! Credentials of a provider: it learns which value was refused, and may give another one.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_outbound_auth::credential::{CredentialProvider, Provided, Rejection};
use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued,
};
use tower_outbound_auth::system::{ClientAuth, ClientCredentials, HeaderScheme};
use tower_outbound_auth::testkit::{ScriptedExchange, TokioClock};
use tower_outbound_auth::{BoxError, Credential, ErrorKind, Secret, TokenSource};

use crate::support::*;

/// An endpoint that knows which credentials are good, and sees what it is shown.
#[derive(Clone)]
struct Login {
    credential: [Credential; 1],
    good: Arc<Mutex<String>>,
    shown: Arc<Mutex<Vec<String>>>,
    spent: Arc<Mutex<Vec<Option<String>>>>,
}

impl Login {
    fn new(credential: Credential, good: &str) -> Login {
        let good = Arc::new(Mutex::new(good.to_owned()));
        Login { credential: [credential], good, shown: Arc::default(), spent: Arc::default() }
    }

    fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }
}

impl Exchange for Login {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let value = cx.credential(&self.credential[0]).await?;
        let nth = {
            let mut shown = self.shown.lock().unwrap();
            shown.push(value.expose().to_owned());
            shown.len()
        };
        let spent = cx.refresh_token().map(|it| it.expose().to_owned());
        self.spent.lock().unwrap().push(spent);
        match value.expose() == *self.good.lock().unwrap() {
            true => Ok(Issued::new(format!("session-{nth}")).with_refresh_token("refresh")),
            false => Err(ExchangeError::new(ExchangeErrorKind::Refused, "unknown credential")),
        }
    }

    fn credentials(&self) -> &[Credential] {
        &self.credential
    }
}

/// Gives `secret-<version>`; a rejected version is followed by the next, if it `rotates`.
#[derive(Default)]
struct Vault {
    version: AtomicU64,
    rotates: bool,
    reads: AtomicUsize,
    rejected: Mutex<Vec<u64>>,
}

impl CredentialProvider for Vault {
    async fn read(&self) -> Result<Provided, BoxError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let version = self.version.load(Ordering::SeqCst);
        Ok(Provided::new(format!("secret-{version}"), version))
    }

    async fn rejected(&self, rejection: Rejection<'_>) {
        self.rejected.lock().unwrap().push(rejection.version);
        if self.rotates {
            self.version.fetch_add(1, Ordering::SeqCst);
        }
    }
}

fn source(login: &Login) -> TokenSource<HeaderScheme> {
    TokenSource::builder(HeaderScheme::bearer(), login.clone()).clock(TokioClock::new()).build()
}

#[tokio::test(start_paused = true)]
async fn a_refused_value_is_reported_once_and_the_next_value_is_sent_in_the_same_exchange() {
    let vault = Arc::new(Vault { rotates: true, ..Vault::default() });
    let login = Login::new(Credential::from_provider(vault.clone()), "secret-1");
    let source = source(&login);
    assert_eq!(source.token().await.unwrap().expose(), "session-2");
    assert_eq!(login.shown(), ["secret-0", "secret-1"]);
    assert_eq!(*vault.rejected.lock().unwrap(), [0]);
    assert_eq!(source.status().counters.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_sends_at_most_two_values_and_spends_a_refresh_token_once() {
    let vault = Arc::new(Vault { rotates: true, ..Vault::default() });
    let login = Login::new(Credential::from_provider(vault.clone()), "secret-0");
    let source = source(&login);
    source.token().await.unwrap();
    *login.good.lock().unwrap() = "secret-9".to_owned();
    tokio::time::sleep(HOUR).await;
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
    assert_eq!(login.shown(), ["secret-0", "secret-0", "secret-1"]);
    let spent = login.spent.lock().unwrap().clone();
    assert_eq!(spent, [None, Some("refresh".to_owned()), None]);
}

#[tokio::test(start_paused = true)]
async fn without_another_value_the_refusal_counts_and_a_later_value_ends_the_pause() {
    let vault = Arc::new(Vault::default());
    let login = Login::new(Credential::from_provider(vault.clone()), "secret-1");
    let source = source(&login);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
    assert_eq!(login.shown(), ["secret-0"]);
    // Somebody rotates it. Traffic finds out, long before the pause of 8 to 10 s is over.
    vault.version.store(1, Ordering::SeqCst);
    for _ in 0..2 {
        tokio::time::sleep(secs(1)).await;
        let _ = source.token().await; // starts a reload
        tokio::time::sleep(millis(1)).await;
    }
    assert_eq!(source.token().await.unwrap().expose(), "session-2");
}

#[tokio::test(start_paused = true)]
async fn another_kind_of_failure_is_not_reported_to_the_provider() {
    let vault = Arc::new(Vault { rotates: true, ..Vault::default() });
    let credential = Credential::from_provider(vault.clone());
    struct Down([Credential; 1]);
    impl Exchange for Down {
        async fn exchange(&self, _: &ExchangeContext) -> Result<Issued, ExchangeError> {
            Err(unavailable())
        }
        fn credentials(&self) -> &[Credential] {
            &self.0
        }
    }
    let source = TokenSource::new(HeaderScheme::bearer(), Down([credential]));
    source.token().await.unwrap_err();
    assert!(vault.rejected.lock().unwrap().is_empty());
    assert_eq!(vault.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn only_errors_about_the_client_or_the_grant_are_reported_with_their_code() {
    for (code, is_reported) in [
        ("invalid_client", true),
        ("invalid_grant", true),
        ("unauthorized_client", false),
        ("invalid_request", false),
        ("invalid_scope", false),
        ("invalid_target", false),
        ("unsupported_grant_type", false),
        ("invalid_authorization_details", false),
    ] {
        let told: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
        struct Told(Arc<Mutex<Vec<Option<String>>>>);
        impl CredentialProvider for Told {
            async fn read(&self) -> Result<Provided, BoxError> {
                Ok(Provided::new("secret", 7))
            }
            async fn rejected(&self, rejection: Rejection<'_>) {
                assert_eq!(rejection.version, 7);
                self.0.lock().unwrap().push(rejection.code.map(str::to_owned));
            }
        }
        let answer = tower::service_fn(move |_: http::Request<Body>| async move {
            let body = format!(r#"{{"error":"{code}"}}"#);
            let status = if code == "invalid_client" { 401 } else { 400 };
            let response = http::Response::builder().status(status).body(Body::from(body));
            response.map_err(BoxError::from)
        });
        let secret = Credential::from_provider(Told(told.clone()));
        let oauth = ClientCredentials::new("https://idp.example/token", "id", secret).unwrap();
        let oauth = oauth.with_auth(ClientAuth::Post);
        TokenSource::over_http(oauth, answer).token().await.unwrap_err();
        let expected = if is_reported { vec![Some(code.to_owned())] } else { vec![] };
        assert_eq!(*told.lock().unwrap(), expected, "{code}");
    }
}

/// A source whose tokens are `token-<n>`.
fn identity(exchange: &ScriptedExchange) -> TokenSource<HeaderScheme> {
    TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(TokioClock::new()).build()
}

#[tokio::test(start_paused = true)]
async fn another_sources_token_is_a_credential_and_is_renewed_when_it_is_refused() {
    let exchange = ScriptedExchange::new();
    let identity = identity(&exchange);
    let login = Login::new(Credential::from(identity.clone()), "token-1");
    let source = source(&login);
    assert_eq!(source.token().await.unwrap().expose(), "session-1");
    assert_eq!(exchange.exchanges(), 1);
    // The endpoint does not know that token any more. A hundred callers want the next one.
    *login.good.lock().unwrap() = "token-2".to_owned();
    tokio::time::sleep(secs(290)).await;
    for answer in futures::future::join_all((0..100).map(|_| source.token())).await {
        assert_eq!(answer.unwrap().expose(), "session-3");
    }
    assert_eq!(login.shown(), ["token-1", "token-1", "token-2"]);
    assert_eq!(exchange.exchanges(), 2);
    assert_eq!(identity.status().counters.refusals, 1);
}

#[tokio::test(start_paused = true)]
async fn the_failure_of_the_other_source_keeps_its_kind_and_sends_nothing() {
    for kind in [ExchangeErrorKind::Unreachable, ExchangeErrorKind::Refused] {
        let exchange = ScriptedExchange::new();
        exchange.fail_next(9, ExchangeError::new(kind, "no identity"));
        let login = Login::new(Credential::from_provider(identity(&exchange)), "token-1");
        let error = source(&login).token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), kind);
        assert!(error.to_string().contains("no identity"), "{error}");
        assert!(login.shown().is_empty(), "nothing was sent");
    }
}

/// A source that shows its own token.
#[derive(Default)]
struct Circle(std::sync::OnceLock<TokenSource<HeaderScheme>>);

impl CredentialProvider for Circle {
    async fn read(&self) -> Result<Provided, BoxError> {
        let source = self.0.get().ok_or("not yet")?;
        CredentialProvider::read(source).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_its_own_credential_is_a_reentrant_error() {
    let circle = Arc::new(Circle::default());
    let login = Login::new(Credential::from_provider(circle.clone()), "token-1");
    let source = source(&login);
    circle.0.set(source.clone()).ok();
    let error = tokio::time::timeout(secs(1), source.token()).await.unwrap().unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Reentrant);
}

/// Gives one value, then hangs.
#[derive(Default)]
struct Hanging(AtomicUsize);

impl CredentialProvider for Hanging {
    async fn read(&self) -> Result<Provided, BoxError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(Provided::new("wrong", 0)),
            _ => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_provider_hangs_the_refusal_is_returned_after_5_s_and_one_reading_runs() {
    let provider = Arc::new(Hanging::default());
    let login = Login::new(Credential::from_provider(provider.clone()), "right");
    let source = source(&login);
    let start = now();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused, "it is not hidden");
    assert_eq!(start.elapsed(), secs(5));
    while start.elapsed() < secs(60) {
        let _ = source.token().await;
        tokio::time::sleep(millis(100)).await;
    }
    let error = source.token().await.unwrap_err().to_string();
    assert!(
        error.contains("the credentials could not be read within 10s: Credential(provider"),
        "{error}"
    );
    // The first value, the look for another one, and then one look or exchange at a time, of 10 s each.
    let reads = provider.0.load(Ordering::SeqCst);
    assert!((5..=9).contains(&reads), "{reads}");
}

#[tokio::test]
async fn a_credential_can_be_read_without_a_source() {
    let path = std::env::temp_dir().join(format!("credential-{}", std::process::id()));
    std::fs::write(&path, "in a file\n").unwrap();
    let minted = AtomicUsize::new(0);
    let mint = move || {
        let nth = minted.fetch_add(1, Ordering::SeqCst);
        std::future::ready(Ok(Secret::from(format!("minted-{nth}"))))
    };
    let minted = Credential::minted(mint);
    for (credential, value) in [
        (Credential::from("a value"), "a value"),
        (Credential::file(&path), "in a file"),
        (Credential::from_fn(|| Ok("by a function".into())), "by a function"),
        (minted.clone(), "minted-0"),
        (minted, "minted-1"),
        (Credential::from_provider(Vault::default()), "secret-0"),
    ] {
        assert_eq!(credential.read().await.unwrap().expose(), value);
    }
    std::fs::remove_file(&path).unwrap();
    let error = Credential::file(&path).read().await.unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    let empty = Credential::from_provider(Fixed(""));
    assert!(empty.read().await.unwrap_err().to_string().ends_with("is empty"));
    let odd = Credential::from_provider(Fixed("a\tb"));
    assert!(odd.read().await.unwrap_err().to_string().ends_with("has a control character"));
}

struct Fixed(&'static str);

impl CredentialProvider for Fixed {
    async fn read(&self) -> Result<Provided, BoxError> {
        Ok(Provided::new(self.0, 1))
    }
}

#[test]
fn outside_a_runtime_a_file_is_a_typed_error_and_a_value_is_read() {
    let block_on = futures::executor::block_on::<std::pin::Pin<Box<dyn Future<Output = _>>>>;
    let error = block_on(Box::pin(async { Credential::env("X").read().await })).unwrap_err();
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
    let read = block_on(Box::pin(async { Credential::from("x").read().await }));
    assert_eq!(read.unwrap().expose(), "x");
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_panics_is_a_failed_exchange() {
    struct Panicking;
    impl CredentialProvider for Panicking {
        async fn read(&self) -> Result<Provided, BoxError> {
            panic!("no secret")
        }
    }
    let login = Login::new(Credential::from_provider(Panicking), "x");
    let error = source(&login).token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exchange);
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Panicked);
    assert!(Duration::ZERO < error.retry_after().unwrap());
}
