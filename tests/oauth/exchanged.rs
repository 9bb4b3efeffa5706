//! Token exchange: a token of another source as the subject.

use std::time::Duration;

use tower_outbound_auth::TokenSource;
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{
    HeaderScheme, JwtKey, OAuthClient, OAuthGrant, SelfSigned, TokenExchange,
};
use tower_outbound_auth::testkit::{ScriptedExchange, TokioClock};

use crate::log::log_in_paused_time;
use crate::{Endpoint, builder, source};

fn exchange_of(subject: &TokenSource<HeaderScheme>) -> crate::OAuthBuilder {
    let grant = OAuthGrant::TokenExchange(TokenExchange::of(subject.clone()));
    builder().client(OAuthClient::public("a")).grant(grant)
}

#[tokio::test]
async fn a_refused_subject_is_renewed_first_and_the_exchange_is_repeated_once() {
    for code in ["invalid_request", "invalid_grant", "invalid_token", "expired_token"] {
        let login = ScriptedExchange::new();
        let subject = TokenSource::new(HeaderScheme::bearer(), login.clone());
        let endpoint = Endpoint::new(move |number| match number {
            0 => (400, format!(r#"{{"error":"{code}"}}"#)),
            _ => (200, r#"{"access_token":"t","token_type":"Bearer","expires_in":300}"#.to_owned()),
        });
        let (source, _) = source(exchange_of(&subject), &endpoint);
        assert_eq!(source.token().await.unwrap().expose(), "t", "{code}");
        let subjects: Vec<_> =
            endpoint.sent().iter().map(|sent| sent.param("subject_token")).collect();
        assert_eq!(subjects.len(), 2);
        assert_ne!(subjects[0], subjects[1], "the subject was renewed");
        assert_eq!(login.exchanges(), 2);
    }
}

#[tokio::test]
async fn a_subject_that_is_refused_twice_is_a_refusal_that_names_its_source_and_says_what_to_do() {
    let advice = "check that the server trusts its issuer, that its audience is right, and that it has not expired";
    for (code, begin) in [
        ("invalid_token", "the token endpoint refuses the"),
        ("expired_token", "the token endpoint refuses the"),
        ("invalid_grant", "the token endpoint refuses the"),
        ("invalid_request", "; or it refuses the"),
    ] {
        let answer = move |_| (400, format!(r#"{{"error":"{code}"}}"#));
        let login = ScriptedExchange::new();
        let subject = TokenSource::new(HeaderScheme::bearer(), login.clone());
        let endpoint = Endpoint::new(answer);
        let (source, _) = source(exchange_of(&subject), &endpoint);
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused, "{code}");
        assert_eq!((endpoint.sent().len(), login.exchanges()), (2, 2), "{code}");
        let text = format!(
            "{begin} token that was shown (the source exchange): {advice} (status 400, {code})"
        );
        assert!(error.to_string().contains(&text), "{error}");
    }
}

#[tokio::test]
async fn a_refused_assertion_of_a_jwt_bearer_grant_is_renewed_once_too() {
    for code in ["invalid_grant", "invalid_token", "expired_token"] {
        let login = ScriptedExchange::new();
        let subject = TokenSource::new(HeaderScheme::bearer(), login.clone());
        let endpoint = Endpoint::new(move |_| (400, format!(r#"{{"error":"{code}"}}"#)));
        let (source, _) = source(builder().grant(OAuthGrant::JwtBearer(subject.into())), &endpoint);
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused, "{code}");
        assert_eq!((endpoint.sent().len(), login.exchanges()), (2, 2), "{code}");
        assert!(error.to_string().contains("shown (the source exchange)"), "{error}");
    }
}

#[tokio::test]
async fn a_grant_that_shows_no_token_is_not_refused_by_invalid_token() {
    let endpoint = Endpoint::new(|_| (400, r#"{"error":"invalid_token"}"#.to_owned()));
    let (source, _) = source(builder().client(OAuthClient::with_secret("a", "b")), &endpoint);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unavailable);
    assert_eq!(endpoint.sent().len(), 1);
}

#[tokio::test]
async fn the_life_of_the_subject_does_not_limit_that_of_the_result() {
    let login = ScriptedExchange::new().with_lifetime(std::time::Duration::from_secs(10));
    let subject = TokenSource::new(HeaderScheme::bearer(), login);
    let (source, _) = source(exchange_of(&subject), &Endpoint::willing());
    source.token().await.unwrap();
    assert!(source.status().expires_in.unwrap().as_secs() > 290);
}

#[tokio::test]
async fn a_token_that_is_no_access_token_is_not_used() {
    let answer = |issued: &str, token_type: &str| {
        let issued = match issued {
            "" => String::new(),
            issued => {
                format!(r#","issued_token_type":"urn:ietf:params:oauth:token-type:{issued}""#)
            }
        };
        format!(r#"{{"access_token":"t","token_type":"{token_type}","expires_in":300{issued}}}"#)
    };
    for (issued, token_type, usable) in [
        ("access_token", "Bearer", true),
        ("jwt", "Bearer", true),
        ("", "Bearer", true),
        ("refresh_token", "Bearer", false),
        ("id_token", "Bearer", false),
        ("saml2", "Bearer", false),
        ("access_token", "N_A", false),
    ] {
        let subject = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
        let body = answer(issued, token_type);
        let endpoint = Endpoint::new(move |_| (200, body.clone()));
        let (source, _) = source(exchange_of(&subject), &endpoint);
        match source.token().await {
            Ok(_) => assert!(usable, "{issued} {token_type}"),
            Err(error) => {
                assert!(!usable, "{issued} {token_type}: {error}");
                assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed);
            }
        }
    }
}

#[test]
fn one_event_says_that_the_answers_of_a_token_exchange_have_no_issued_token_type() {
    let logs = |answer: &'static str| {
        log_in_paused_time(async move {
            let subject = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
            let endpoint =
                Endpoint::new(move |number| (200, answer.replace("NUMBER", &number.to_string())));
            let (source, clock) = source(exchange_of(&subject), &endpoint);
            for _ in 0..3 {
                source.token().await.unwrap();
                clock.advance(Duration::from_secs(301));
            }
            assert_eq!(endpoint.sent().len(), 3);
        })
    };
    let said = "no issued_token_type";
    let text = logs(r#"{"access_token":"tNUMBER","token_type":"Bearer","expires_in":300}"#);
    assert_eq!(text.matches(said).count(), 1, "{text}");
    let text = logs(
        r#"{"access_token":"tNUMBER","token_type":"Bearer","expires_in":300,
        "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#,
    );
    assert_eq!(text.matches(said).count(), 0, "{text}");
}

#[test]
fn another_grant_says_nothing_of_a_missing_issued_token_type() {
    let text = log_in_paused_time(async {
        let (source, _) =
            source(builder().client(OAuthClient::with_secret("a", "b")), &Endpoint::willing());
        source.token().await.unwrap();
    });
    assert!(!text.contains("issued_token_type"), "{text}");
}

#[tokio::test]
async fn the_error_of_a_token_of_type_n_a_says_what_to_ask_for() {
    let subject = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    for written in ["N_A", "n_a", "N/A"] {
        let body = format!(r#"{{"access_token":"t","token_type":"{written}","expires_in":300}}"#);
        let (source, _) =
            source(exchange_of(&subject), &Endpoint::new(move |_| (200, body.clone())));
        let text = source.token().await.unwrap_err().to_string();
        let said = "a token that is no access token (`token_type` is `N_A`): in a token exchange, ask for an access token with \
                    `requested_type`";
        assert!(text.contains(said), "{text}");
    }
}

/// Sources, from the innermost to the outermost. The first logs in, and each other one shows the token of the one before.
fn chain(login: &ScriptedExchange, length: usize) -> Vec<TokenSource> {
    let mut sources = vec![TokenSource::new(HeaderScheme::bearer(), login.clone()).erased()];
    for _ in 1..length {
        let subject = sources[sources.len() - 1].clone();
        let grant = OAuthGrant::TokenExchange(TokenExchange::of(subject));
        let system = builder().client(OAuthClient::public("a")).grant(grant).build().unwrap();
        sources.push(TokenSource::over_http(system, Endpoint::willing()).erased());
    }
    sources
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_four_sources_works() {
    let login = ScriptedExchange::new();
    chain(&login, 4)[3].token().await.unwrap();
    assert_eq!(login.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_five_sources_fails_at_once_and_the_inner_four_still_work() {
    let login = ScriptedExchange::new();
    let sources = chain(&login, 5);
    let began = TokioClock::new().now();
    let error = sources[4].token().await.unwrap_err();
    assert_eq!(TokioClock::new().now().since(began), Duration::ZERO);
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
    assert!(!error.is_transient());
    let text = error.to_string();
    let said = "the chain of sources is longer than four: oauth, oauth, oauth, oauth, exchange: \
                give one of them a credential that needs no other source";
    assert!(text.contains(said), "{text}");
    assert_eq!(login.exchanges(), 0);
    for source in &sources[..4] {
        source.retry_now(); // a failure of one exchange is that of its source, whoever has asked
        source.token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_fifth_source_with_a_token_is_used_and_not_renewed() {
    let login = ScriptedExchange::new();
    let sources = chain(&login, 5);
    sources[0].token().await.unwrap();
    sources[4].token().await.unwrap();

    // The endpoint of the fourth source refuses that token.
    let login = ScriptedExchange::new();
    let inner = chain(&login, 1).remove(0);
    inner.token().await.unwrap();
    let refusing = Endpoint::new(|_| (400, r#"{"error":"invalid_grant"}"#.to_owned()));
    let mut outer = inner;
    for depth in 1..5 {
        let endpoint = if depth == 1 { refusing.clone() } else { Endpoint::willing() };
        let grant = OAuthGrant::TokenExchange(TokenExchange::of(outer));
        let system = builder().client(OAuthClient::public("a")).grant(grant).build().unwrap();
        outer = TokenSource::over_http(system, endpoint).erased();
    }
    let error = outer.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
    assert_eq!((login.exchanges(), refusing.sent().len()), (1, 1));
}

#[tokio::test]
async fn a_source_whose_subject_is_itself_fails_and_does_not_wait_for_ever() {
    use std::sync::{Arc, OnceLock};
    use tower_outbound_auth::BoxError;
    use tower_outbound_auth::Credential;
    use tower_outbound_auth::credential::{CredentialProvider, Provided};

    /// Asks the source that this credential is for.
    struct Itself(Arc<OnceLock<TokenSource>>);

    impl CredentialProvider for Itself {
        async fn read(&self) -> Result<Provided, BoxError> {
            let token = self.0.get().unwrap().token().await?;
            Ok(Provided::new(token.expose(), 1))
        }
    }

    let itself = Arc::new(OnceLock::new());
    let subject = Credential::from_provider(Itself(itself.clone()));
    let grant = OAuthGrant::TokenExchange(TokenExchange::of(subject));
    let (source, _) = source(builder().grant(grant), &Endpoint::willing());
    assert!(itself.set(source.clone()).is_ok());
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Reentrant);
    let text = error.to_string();
    assert!(text.contains("take that credential from another source"), "{text}");
}

#[tokio::test]
async fn a_refused_assertion_of_a_grant_that_signs_here_names_the_place_of_the_key_and_its_kid() {
    for code in ["invalid_grant", "invalid_token"] {
        let folder = crate::Folder::new();
        folder.write("key", crate::assertions::P256);
        let key = JwtKey::new(folder.file("key"));
        let tokens = SelfSigned::new(key, "svc", Duration::from_secs(60)).unwrap();
        let endpoint = Endpoint::new(move |_| (400, format!(r#"{{"error":"{code}"}}"#)));
        let (source, _) = source(builder().grant(OAuthGrant::Signed(tokens)), &endpoint);
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
        let place = folder.path("key");
        let by =
            format!("; the key in file {} has signed it, with the kid \"16\"", place.display());
        assert!(error.to_string().contains(&by), "{error}");
    }
}
