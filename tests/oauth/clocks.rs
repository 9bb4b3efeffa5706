//! A refused assertion, where our clock and the server's differ. A code of OAuth does not say that the time was wrong.

use std::time::{Duration, UNIX_EPOCH};

use tower_outbound_auth::system::{JwtKey, OAuthClient};

use crate::keys::ED25519;
use crate::{ENDPOINT, Endpoint, builder, source};

/// The `Date` of the endpoint.
const SERVER: u64 = 1_767_225_600;

/// What the error says of an endpoint that refuses with this code, if our clock shows `ours`.
async fn said(client: OAuthClient, code: &'static str, ours: u64) -> String {
    let endpoint = Endpoint::new(move |_| (401, format!(r#"{{"error":"{code}"}}"#)));
    let (source, clock) = source(builder().client(client), &endpoint);
    clock.set_wall(UNIX_EPOCH + Duration::from_secs(ours));
    let text = source.token().await.unwrap_err().to_string();
    let begin = format!("no token: oauth ({ENDPOINT}, client \"billing\"): ");
    let text = text.strip_prefix(&begin).unwrap_or_else(|| panic!("{text}"));
    text.split_once("; the next attempt").unwrap().0.to_owned()
}

fn signing() -> OAuthClient {
    OAuthClient::with_key("billing", JwtKey::new(ED25519))
}

const ADVICE: &str = "the token endpoint refuses the client's assertion: check the client id, the key or secret that the \
                      provider has for it, and the audience of the assertion";

const BY_KEY: &str =
    "; the key in value has signed it; to introduce a new key, give the old one as `previous_key`";

#[tokio::test]
async fn a_refused_assertion_names_the_place_of_its_key_and_the_kid_that_was_sent() {
    let folder = crate::Folder::new();
    folder.write("key", ED25519);
    let place = folder.path("key");
    let key = || JwtKey::new(folder.file("key"));
    for (key, kid) in [(key(), ""), (key().with_key_id("2026-01"), ", with the kid \"2026-01\"")] {
        let text = said(OAuthClient::with_key("billing", key), "invalid_client", SERVER).await;
        let by = format!("; the key in file {} has signed it{kid}; to introduce", place.display());
        assert!(text.contains(&by), "{text}");
    }
}

#[tokio::test]
async fn a_refused_assertion_says_how_far_the_clocks_differ() {
    for (ours, difference) in [(SERVER + 600, "600 s ahead of"), (SERVER - 93, "93 s behind")] {
        let text = format!(
            "; our clock is {difference} the server's, and the assertion has our time: correct the clock that \
             is wrong (status 401, invalid_client)"
        );
        assert_eq!(
            said(signing(), "invalid_client", ours).await,
            format!("{ADVICE}{BY_KEY}{text}")
        );
        let secret = OAuthClient::with_secret_jwt("billing", "x".repeat(32).as_str());
        let by_secret = "; the secret in value has signed it";
        assert_eq!(
            said(secret, "invalid_client", ours).await,
            format!("{ADVICE}{by_secret}{text}")
        );
    }
}

#[tokio::test]
async fn a_refused_assertion_says_nothing_of_clocks_that_agree_within_ten_seconds() {
    for ours in [SERVER - 10, SERVER, SERVER + 10] {
        let text = format!("{ADVICE}{BY_KEY} (status 401, invalid_client)");
        assert_eq!(said(signing(), "invalid_client", ours).await, text);
    }
}

#[tokio::test]
async fn a_refusal_that_is_not_about_an_assertion_of_ours_says_nothing_of_clocks() {
    let ours = SERVER + 600;
    let not_ours = OAuthClient::with_assertion("billing", "x.y.z");
    let text = "the token endpoint refuses the client's assertion: the provider must know exactly its issuer, its subject and \
                its audience; it is in value (status 401, invalid_client)";
    assert_eq!(said(not_ours, "invalid_client", ours).await, text);
    let with_secret = OAuthClient::with_secret("billing", "a secret");
    assert!(!said(with_secret, "invalid_client", ours).await.contains("clock"));
    assert!(!said(signing(), "invalid_scope", ours).await.contains("clock"));
}

#[tokio::test]
async fn the_next_assertion_still_has_the_time_of_our_clock() {
    let endpoint = Endpoint::new(|number| match number {
        0 => (401, r#"{"error":"invalid_client"}"#.to_owned()),
        _ => (200, r#"{"access_token":"t","expires_in":300}"#.to_owned()),
    });
    let (source, clock) = source(builder().client(signing()), &endpoint);
    clock.set_wall(UNIX_EPOCH + Duration::from_secs(SERVER + 600));
    source.token().await.unwrap_err();
    clock.advance(Duration::from_secs(60));
    source.token().await.unwrap();
    for (sent, time) in endpoint.sent().iter().zip([SERVER + 600, SERVER + 660]) {
        let (_, claims) = crate::assertions::read(&sent.param("client_assertion"));
        assert_eq!(claims["iat"], time, "nothing is corrected");
    }
}
