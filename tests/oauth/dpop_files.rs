//! The member `dpop` of the table `oauth` of a file.

use serde_json::json;
use tower_outbound_auth::system::Config;

use crate::assertions::{P256, read};
use crate::files::{HEAD, all_sent};
use crate::{ENDPOINT, Endpoint};

/// Each answer has a token that is bound to the key.
fn bound() -> Endpoint {
    Endpoint::new(|number| (200, format!(r#"{{"access_token":"t{number}","token_type":"DPoP"}}"#)))
}

#[tokio::test]
async fn dpop_is_read_from_a_file() {
    let client = "client_id = \"a\"\nauth = \"none\"\n";
    let proof = async |rest: &str| {
        let endpoint = bound();
        let sent = all_sent(&format!("{client}{rest}"), &[("K", P256)], &endpoint).await;
        read(sent[0].header("dpop"))
    };
    for rest in ["dpop = true", "dpop = {}", "[oauth.dpop]\ndecoded_path = true"] {
        let (header, claims) = proof(rest).await;
        assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
        assert_eq!((&claims["htm"], &claims["htu"]), (&json!("POST"), &json!(ENDPOINT)));
    }
    let rest = "dpop = { key = \"env:K\", htu_base = { \"https://idp.example\" = \"http://inside:8080/x\" } }";
    let (header, claims) = proof(rest).await;
    assert_eq!(claims["htu"], "http://inside:8080/x/token");
    let key: serde_json::Value = serde_json::from_str(P256).unwrap();
    assert_eq!((&header["jwk"]["x"], header["jwk"].get("d")), (&key["x"], None));
    // Without DPoP, or with tokens that may be bound or not, a Bearer token is accepted.
    for (rest, proofs) in [("", 0), ("dpop = false", 0), ("dpop = { optional = true }", 1)] {
        let sent = all_sent(&format!("{client}{rest}"), &[], &Endpoint::willing()).await;
        assert_eq!(sent[0].headers.get_all("dpop").iter().count(), proofs, "{rest}");
    }
}

#[test]
fn a_mistake_in_dpop_is_reported_and_nothing_is_quoted() {
    for (rest, expected) in [
        ("dpop = \"hunter2\"", "expected `true`, or a table such as"),
        ("dpop = 7", "expected `true`, or a table such as"),
        ("dpop = { key = \"hunter2\" }", "env:"),
        ("dpop = { keys = 7 }", "unknown field `keys`"),
        ("dpop = { htu_base = { \"https://a\" = \"hunter2\" } }", "the base of `htu`"),
        ("dpop = { htu_base = { \"a/b\" = \"https://b\" } }", "origin"),
        ("dpop = true\nstrict_token_type = true", "`strict_token_type` and `dpop`"),
    ] {
        let file = format!("{HEAD}client_id = \"a\"\nauth = \"none\"\n{rest}");
        let error = toml::from_str::<Config>(&file).unwrap_err();
        let error = error.message();
        assert!(error.contains(expected) && !error.contains("hunter2"), "{rest}: {error}");
    }
}
