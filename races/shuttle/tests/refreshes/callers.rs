//! Callers of a source: promises 1 to 3, and 7.

use futures_util::FutureExt;
use futures_util::future::join_all;
use shuttle::future::spawn;

use super::*;

/// Three callers, and one that gives up. Returns what each got: the token's text, or nothing.
pub(crate) async fn ask(source: &TokenSource<Plain>) -> Vec<Option<String>> {
    let gives_up = spawn({
        let source = source.clone();
        async move { drop(impatient(source.token()).await) }
    });
    let callers = (0..3).map(|_| {
        let source = source.clone();
        spawn(async move {
            let token = source.token().await.ok()?;
            // The token was published before any caller was woken, so the next request finds it
            // without a wait.
            let next = source.token().now_or_never().expect("it waits").ok()?;
            assert!(next.generation() >= token.generation(), "an older token than before");
            Some(token.expose().to_owned())
        })
    });
    let answers = join_all(callers.collect::<Vec<_>>()).await;
    gives_up.await.unwrap();
    answers.into_iter().map(Result::unwrap).collect()
}

#[test]
fn callers_that_come_and_go_cause_one_exchange_and_get_its_token() {
    in_every_order(async || {
        let login = Login::default();
        let answers = ask(&source_of(&login)).await;
        assert_eq!(answers, vec![Some("1".to_owned()); 3]);
        assert_eq!(login.exchanges(), 1);
    });
}

#[test]
fn callers_of_an_endpoint_that_is_down_share_one_failure() {
    in_every_order(async || {
        let login = Login { fails: true, ..Login::default() };
        let source = source_of(&login);
        assert_eq!(ask(&source).await, vec![None; 3]);
        assert_eq!(login.exchanges(), 1, "no caller makes an exchange of its own");
        assert_eq!(source.status().waiters, 0);
    });
}

#[test]
fn simultaneous_refusals_cause_one_exchange_even_if_a_caller_gives_up() {
    in_every_order(async || {
        let login = Login::default();
        let source = source_of(&login);
        let first = source.token().await.unwrap();
        let gives_up = spawn({
            let (source, first) = (source.clone(), first.clone());
            async move { drop(impatient(source.reject(&first)).await) }
        });
        let refused = [(); 2].map(|()| {
            let (source, first) = (source.clone(), first.clone());
            spawn(async move { source.reject(&first).await.unwrap().expose().to_owned() })
        });
        // Meanwhile other callers use the current token.
        let goes_on =
            source.token().now_or_never().expect("no caller waits while a token is usable");
        assert!(goes_on.unwrap().generation() >= first.generation());
        for successor in join_all(refused).await {
            assert_eq!(successor.unwrap(), "2");
        }
        gives_up.await.unwrap();
        assert_eq!(login.exchanges(), 2);
    });
}

#[test]
fn a_refusal_without_a_waiting_caller_still_renews_the_token() {
    in_every_order(async || {
        let login = Login::default();
        let source = source_of(&login);
        let first = source.token().await.unwrap();
        drop(impatient(source.reject(&first)).await);
        source.settled().await;
        assert_eq!(source.token().await.unwrap().expose(), "2");
        assert_eq!(login.exchanges(), 2);
    });
}
