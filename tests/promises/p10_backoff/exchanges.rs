//! Credentials of an `Exchange` that a user wrote: refused credentials are shown rarely, a mended one at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{Credential, TokenSource};

use super::support::*;
use crate::support::*;

/// Logs in with a password from a file, and knows the good one.
struct Vault {
    password: Credential,
    asked: Arc<AtomicUsize>,
}

impl Exchange for Vault {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let password = cx.credential(&self.password).await?;
        self.asked.fetch_add(1, Ordering::Relaxed);
        match password.expose() {
            "good" => Ok(Issued::new("a-token")),
            _ => Err(ExchangeError::new(ExchangeErrorKind::Refused, "a wrong password")),
        }
    }

    fn credentials(&self) -> &[Credential] {
        std::slice::from_ref(&self.password)
    }
}

/// Hands on what it wraps, and shows a credential of its own beside.
struct Wrapped(Vault, [Credential; 2]);

impl Exchange for Wrapped {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        self.0.exchange(cx).await
    }

    fn credentials(&self) -> &[Credential] {
        &self.1
    }
}

async fn is_paced_and_mended(file: &TempFile, asked: &AtomicUsize, exchange: impl Exchange) {
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(TokioClock::new()).build();
    for _ in 0..7 {
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
        tokio::time::sleep(secs(1)).await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1, "the pause is kept");
    file.write("good");
    // It is looked for once a second, and believed once nobody has touched it for a while.
    let mut left = 5;
    while source.token().await.is_err() && left > 0 {
        left -= 1;
        std::thread::sleep(millis(300));
        tokio::time::sleep(secs(1)).await;
    }
    assert_eq!(source.token().await.unwrap().expose(), "a-token");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_used_once_and_a_mended_one_ends_the_pause() {
    let file = TempFile::new("bad");
    let asked = Arc::new(AtomicUsize::new(0));
    let vault = Vault { password: file.credential(), asked: asked.clone() };
    is_paced_and_mended(&file, &asked, vault).await;
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_wraps_another_may_list_more_credentials() {
    let (file, other) = (TempFile::new("bad"), TempFile::new("other"));
    let asked = Arc::new(AtomicUsize::new(0));
    let password = file.credential();
    let vault = Vault { password: password.clone(), asked: asked.clone() };
    is_paced_and_mended(&file, &asked, Wrapped(vault, [password, other.credential()])).await;
}

#[tokio::test(start_paused = true)]
async fn an_exchange_gets_a_newly_minted_value_each_time_it_asks() {
    struct Signed(Credential);

    impl Exchange for Signed {
        async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
            let (one, two) = (cx.credential(&self.0).await?, cx.credential(&self.0).await?);
            Ok(Issued::new(format!("{}-{}", one.expose(), two.expose())))
        }
    }

    let count = AtomicUsize::new(0);
    let next = move || count.fetch_add(1, Ordering::Relaxed).to_string();
    let signed = Signed(Credential::minted(move || std::future::ready(Ok(next().into()))));
    let source =
        TokenSource::builder(HeaderScheme::bearer(), signed).clock(TokioClock::new()).build();
    assert_eq!(source.token().await.unwrap().expose(), "0-1");
}
