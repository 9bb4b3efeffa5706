//! The table `entra` of a file.

use serde_json::json;
use tower_outbound_auth::system::Config;

use super::GRAPH;
use super::server::{APP, Registered, rsa};
use crate::assertions::read;
use crate::{Endpoint, Sent};

fn file(rest: &str) -> String {
    format!(
        "api = \"https://graph.microsoft.com\"\n[entra]\ntenant = \"contoso\"\nclient_id = \"{APP}\"\n\
         scope = \"{GRAPH}\"\n{rest}"
    )
}

/// What Entra gets, if the file names these texts by `env:NAME`.
async fn sent(rest: &str, texts: &[(&str, &str)]) -> Sent {
    let mut paths = Vec::new();
    let id = texts.iter().any(|(name, _)| *name == "ID").then_some("{ from = \"env:ID\" }");
    let mut file = match id {
        Some(id) => file(rest).replace(&format!("\"{APP}\""), id),
        None => file(rest),
    };
    for (name, text) in texts {
        let path = std::env::temp_dir().join(format!("entra-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        file = file.replace(&format!("env:{name}"), &format!("file:{}", path.display()));
        paths.push(path);
    }
    let config: Config = toml::from_str(&file).unwrap_or_else(|error| panic!("{error}"));
    let endpoint = Endpoint::willing();
    config.layer_over(endpoint.clone()).source().token().await.unwrap();
    paths.iter().for_each(|path| std::fs::remove_file(path).unwrap());
    endpoint.sent()[0].clone()
}

#[tokio::test]
async fn each_proof_of_a_client_of_entra_is_read_from_a_file() {
    let endpoint = "https://login.microsoftonline.com/contoso/oauth2/v2.0/token";
    let with_secret = sent("client_secret = \"env:SECRET\"", &[("SECRET", "s3cret")]).await;
    assert_eq!(with_secret.uri, endpoint);
    assert_eq!(with_secret.param("client_secret"), "s3cret");
    assert_eq!(with_secret.param("scope"), GRAPH);

    let with_token = "federated_token = \"env:TOKEN\"\nauthority = \"login.microsoftonline.us\"";
    let with_token = sent(with_token, &[("TOKEN", "x.y.z")]).await;
    assert_eq!(with_token.param("client_assertion"), "x.y.z");
    assert_eq!(with_token.uri.host(), Some("login.microsoftonline.us"));

    // The clock of the machine is used, so the certificate ends late.
    let certificate = Registered::of(rsa(), 4000);
    let both = format!("{}{}", certificate.pem, rsa());
    let in_one = sent("certificate = \"env:BOTH\"", &[("BOTH", &both)]).await;
    let texts = [("CRT", &*certificate.pem), ("KEY", rsa()), ("ID", APP)];
    let in_two = sent("certificate = \"env:CRT\"\nkey = \"env:KEY\"", &texts).await;
    for sent in [in_one, in_two] {
        let (header, claims) = read(&sent.param("client_assertion"));
        let expected = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": certificate.thumbprint});
        assert_eq!((header, &claims["aud"]), (expected, &json!(endpoint)));
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(APP), &json!(APP)));
    }
}

#[test]
fn a_mistake_in_the_table_is_an_error_that_says_what_to_write() {
    let one = "a client has one proof: write one of";
    for (rest, text) in [
        ("", one),
        ("client_secret = \"env:A\"\nfederated_token = \"env:B\"", one),
        ("client_secret = \"env:A\"\nkey = \"env:B\"", one),
        ("certificate = \"env:A\"\nfederated_token = \"env:B\"", one),
        ("key = \"env:A\"", "`key` needs `certificate`"),
        ("client_secret = \"env:A\"\nresource = \"https://a.example\"", "unknown field"),
        ("client_secret = \"env:A\"\nauthority = \"http://login.example\"", "plain http"),
    ] {
        let error = toml::from_str::<Config>(&file(rest)).unwrap_err().to_string();
        assert!(error.contains(text), "{text}: {error}");
    }
    let other = |from: &str, to: &str| {
        let file = file("certificate = \"env:A\"").replace(from, to);
        toml::from_str::<Config>(&file).unwrap_err().to_string()
    };
    assert!(other("contoso", "a/b").contains("the tenant of Entra"));
    assert!(other("/.default", "/User.Read").contains("AADSTS1002012"));
}
