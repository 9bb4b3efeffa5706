//! The table `oauth` of a file: what the endpoint gets, and what is said of a mistake.

use serde_json::json;
use tower_outbound_auth::system::Config;

use crate::assertions::{P256, read};
use crate::keys::{ED25519, Known};
use crate::{ENDPOINT, Endpoint, Folder, Sent};

pub(crate) const HEAD: &str =
    "api = \"https://api.example\"\n[oauth]\nendpoint = \"https://idp.example/token\"\n";

/// What the endpoint gets, if the file names these values by `env:NAME`.
async fn sent(rest: &str, values: &[(&str, &str)]) -> Sent {
    all_sent(rest, values, &Endpoint::willing()).await[0].clone()
}

pub(crate) async fn all_sent(
    rest: &str,
    values: &[(&str, &str)],
    endpoint: &Endpoint,
) -> Vec<Sent> {
    let folder = Folder::new();
    let mut file = format!("{HEAD}{rest}");
    for (name, value) in values {
        folder.write(name, value);
        let path = folder.path(name);
        file = file.replace(&format!("env:{name}"), &format!("file:{}", path.display()));
    }
    let config: Config = toml::from_str(&file).unwrap_or_else(|error| panic!("{error}"));
    config.layer_over(endpoint.clone()).source().token().await.unwrap();
    endpoint.sent()
}

#[tokio::test]
async fn each_proof_of_a_client_is_read_from_a_file() {
    let assertion_type = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A";
    for (rest, authorization, body) in [
        ("client_id = \"a\"\nclient_secret = \"env:S\"", "Basic YTpzZWNyZXQ=", String::new()),
        (
            "client_id = { from = \"env:S\" }\nclient_secret = \"env:S\"\nauth = \"post\"",
            "",
            "&client_id=secret&client_secret=secret".to_owned(),
        ),
        ("client_id = \"a\"\nauth = \"none\"", "", "&client_id=a".to_owned()),
        (
            "client_id = \"a\"\nassertion = \"env:S\"",
            "",
            format!(
                "&client_id=a&client_assertion_type={assertion_type}jwt-bearer&client_assertion=secret"
            ),
        ),
        (
            "client_id = \"a\"\nassertion = \"env:S\"\nassertion_type = \"urn:ietf:params:oauth:client-assertion-type:jwt-spiffe\"",
            "",
            format!(
                "&client_id=a&client_assertion_type={assertion_type}jwt-spiffe&client_assertion=secret"
            ),
        ),
    ] {
        let sent = sent(rest, &[("S", "secret")]).await;
        assert_eq!(sent.body, format!("grant_type=client_credentials{body}"));
        assert_eq!(sent.header("authorization"), authorization);
    }
}

#[tokio::test]
async fn a_key_and_a_signing_secret_are_read_from_a_file() {
    let rest = "client_id = \"a\"\nkey = \"env:K\"";
    let (header, claims) = read(&sent(rest, &[("K", P256)]).await.param("client_assertion"));
    assert_eq!(header, json!({"typ": "client-authentication+jwt", "alg": "ES256", "kid": "16"}));
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("a"), &json!(ENDPOINT)));

    let rest = "client_id = \"a\"\nkey = \"env:K\"\nkey_id = \"new\"\nalgorithm = \"ES256\"\n\
                jwt_audience = \"https://idp.example/\"\njwt_typ = \"\"\nbackdate = 60";
    let (header, claims) = read(&sent(rest, &[("K", P256)]).await.param("client_assertion"));
    assert_eq!(header, json!({"alg": "ES256", "kid": "new"}));
    assert_eq!(claims["aud"], "https://idp.example/");

    let rest = "client_id = \"a\"\nsecret_jwt = \"env:S\"\njwt_typ = \"JWT\"";
    let secret = "a secret of thirty-two bytes, or more";
    let sent = sent(rest, &[("S", secret)]).await;
    let (header, _) = read(&sent.param("client_assertion"));
    assert_eq!(header, json!({"typ": "JWT", "alg": "HS256"}));
    assert!(!sent.body.contains("thirty"), "the secret is not sent");
}

#[tokio::test]
async fn a_previous_key_and_its_id_are_read_from_a_file() {
    let rest = "client_id = \"a\"\nkey = \"env:K\"\nkey_id = \"new\"\n\
                previous_key = \"env:P\"\nprevious_key_id = \"old\"";
    let known = Known::default();
    known.set(&["EdDSA"]);
    let sent = all_sent(rest, &[("K", P256), ("P", ED25519)], &known.endpoint()).await;
    let ids: Vec<_> =
        sent.iter().map(|it| read(&it.param("client_assertion")).0["kid"].clone()).collect();
    assert_eq!(ids, ["new", "old"]);
}

#[tokio::test]
async fn an_id_beside_a_key_is_the_issuer_and_the_subject_of_the_assertion() {
    let secret = "a secret of thirty-two bytes, or more";
    for (proof, value) in [("key", P256), ("secret_jwt", secret)] {
        let rest = format!("client_id = {{ from = \"env:ID\" }}\n{proof} = \"env:K\"");
        let sent = sent(&rest, &[("ID", "billing \"7\"\n"), ("K", value)]).await;
        let (_, claims) = read(&sent.param("client_assertion"));
        assert_eq!(sent.param("client_id"), "billing \"7\"");
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("billing \"7\""), &claims["iss"]));
    }
}

#[tokio::test]
async fn each_grant_is_read_from_a_file() {
    let types = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3A";
    let exchange = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=subject";
    for (rest, body) in [
        (
            "grant = \"client_credentials\"\nclient_id = \"a\"\nauth = \"none\"",
            "grant_type=client_credentials&client_id=a".to_owned(),
        ),
        (
            "grant = \"jwt_bearer\"\ngrant_assertion = \"env:S\"",
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=subject"
                .to_owned(),
        ),
        (
            "grant = \"token_exchange\"\nsubject = \"env:S\"",
            format!("{exchange}&subject_token_type={types}access_token"),
        ),
        (
            "grant = \"token_exchange\"\nsubject = \"env:S\"\nsubject_type = \"x\"\nactor = \"env:A\"\nactor_type = \"y\"\n\
             requested_type = \"z\"\naudience = [\"b\", \"c\"]\nclient_id = \"a\"\nauth = \"none\"",
            format!(
                "{exchange}&subject_token_type=x&actor_token=actor&actor_token_type=y&requested_token_type=z\
                 &audience=b&audience=c&client_id=a"
            ),
        ),
    ] {
        assert_eq!(sent(rest, &[("S", "subject"), ("A", "actor")]).await.body, body);
    }
}

#[tokio::test]
async fn what_is_wanted_and_headers_are_read_from_a_file() {
    let rest = r#"
        client_id = "a"
        auth = "none"
        scope = ["read", "write"]
        audience = "b"
        resource = ["https://one.example/", "https://two.example"]
        authorization_details = '[ {"type": "pay"} ]'
        parameters = { organization = "17" }
        headers = { x-api-key = "env:S" }
    "#;
    let sent = sent(rest, &[("S", "k1")]).await;
    let expected = "grant_type=client_credentials&scope=read+write&audience=b&resource=https%3A%2F%2Fone.example%2F\
                    &resource=https%3A%2F%2Ftwo.example&authorization_details=%5B%7B%22type%22%3A%22pay%22%7D%5D\
                    &organization=17&client_id=a";
    assert_eq!(sent.body, expected);
    assert_eq!(sent.header("x-api-key"), "k1");
}

#[tokio::test]
async fn the_members_of_an_answer_are_named_in_a_file() {
    let file = format!(
        "{HEAD}client_id = \"a\"\nauth = \"none\"\ntoken_member = \"/data/jwt\"\nextra = [\"team\"]\nrefresh_tokens = true"
    );
    let endpoint = Endpoint::new(|number| {
        let data = format!(r#"{{"jwt":"t{number}"}}"#);
        let more = r#""expires_in":300,"refresh_token":"r1","team":"7","token_type":"access""#;
        (200, format!(r#"{{"data":{data},{more}}}"#))
    });
    let config: Config = toml::from_str(&file).unwrap();
    let layer = config.layer_over(endpoint.clone());
    let token = layer.source().token().await.unwrap();
    assert_eq!((token.expose(), token.extra("team")), ("t0", Some("7")));
    layer.source().reject(&token).await.unwrap();
    assert_eq!(endpoint.sent()[1].param("grant_type"), "refresh_token");

    let config: Config = toml::from_str(&format!("{file}\nstrict_token_type = true")).unwrap();
    let error = config.layer_over(endpoint).source().token().await.unwrap_err();
    assert!(error.to_string().contains("of a type that is not sent as Bearer"), "{error}");
}

#[tokio::test]
async fn an_issuer_in_place_of_the_endpoint_is_asked_for_its_metadata() {
    let file = "api = \"https://api.example\"\n[oauth]\nissuer = \"https://idp.example/main\"\n\
                client_id = \"a\"\nauth = \"none\"\n";
    let endpoint = Endpoint::judging(|sent| match sent.body.is_empty() {
        true => (
            200,
            r#"{"issuer":"https://idp.example/main","token_endpoint":"https://tokens.example/t"}"#
                .to_owned(),
        ),
        false => (200, r#"{"access_token":"t","expires_in":300}"#.to_owned()),
    });
    let config: Config = toml::from_str(file).unwrap();
    let error = config.layer_over(endpoint.clone()).source().token().await.unwrap_err();
    assert!(error.to_string().contains("allow it by `token_endpoint_origin`"), "{error}");

    let allowed = format!("{file}token_endpoint_origin = \"https://tokens.example\"");
    let config: Config = toml::from_str(&allowed).unwrap();
    config.layer_over(endpoint.clone()).source().token().await.unwrap();
    let places: Vec<_> = endpoint.sent().iter().map(|sent| sent.uri.to_string()).collect();
    let metadata = "https://idp.example/.well-known/oauth-authorization-server/main";
    assert_eq!(places, [metadata, metadata, "https://tokens.example/t"]);
}

#[test]
fn a_table_has_an_endpoint_or_an_issuer() {
    let said = |rest: &str| {
        let file = format!(
            "api = \"https://api.example\"\n[oauth]\nclient_id = \"x\"\nauth = \"none\"\n{rest}"
        );
        toml::from_str::<Config>(&file).unwrap_err().message().to_owned()
    };
    let (endpoint, issuer) =
        ("endpoint = \"https://a.example/t\"\n", "issuer = \"https://a.example/.well-known/x\"\n");
    let text = "the table `oauth` needs `endpoint`, or `issuer`, whose metadata has the endpoint";
    assert_eq!(said(""), text);
    let text =
        "`endpoint` and `issuer` do not fit together: the metadata of the issuer has the endpoint";
    assert_eq!(said(&format!("{endpoint}{issuer}")), text);
    let origin = "token_endpoint_origin = [\"https://b.example\"]";
    let text = "`token_endpoint_origin` needs `issuer`";
    assert_eq!(said(&format!("{endpoint}{origin}")), text);
    assert!(said(issuer).contains("give the issuer, without `/.well-known/…`"));
}

/// The error of a table with these members, after its place: `line 2`.
fn said(rest: &str) -> String {
    let error = toml::from_str::<Config>(&format!("{HEAD}{rest}")).unwrap_err().to_string();
    assert!(!error.lines().next().unwrap().contains("hunter2"), "{error}");
    let line = error.split_once(", column").unwrap().0.rsplit_once("at ").unwrap().1;
    let message = error.trim().lines().last().unwrap();
    assert!(!message.contains("hunter2"), "{message}");
    format!("{line}: {message}")
}

#[test]
fn two_members_that_do_not_fit_together_are_an_error_at_the_table_that_names_both() {
    let secret = "client_id = \"x\"\nclient_secret = \"env:X\"\n";
    let key = "client_id = \"x\"\nkey = \"env:X\"\n";
    let none = "client_id = \"x\"\nauth = \"none\"\n";
    let apart = |one: &str, other: &str| format!("`{one}` and `{other}` do not fit together");
    for (rest, text) in [
        (format!("{secret}key = \"env:X\""), apart("client_secret", "key")),
        (format!("{key}secret_jwt = \"env:X\""), apart("key", "secret_jwt")),
        (format!("{secret}assertion = \"env:X\""), apart("client_secret", "assertion")),
        (format!("{none}key = \"env:X\""), apart("auth = \"none\"", "key")),
        (format!("{none}client_secret = \"env:X\""), apart("auth = \"none\"", "client_secret")),
        (format!("{key}auth = \"post\""), apart("auth", "key")),
        (format!("{secret}key_id = \"hunter2\""), apart("key_id", "client_secret")),
        (format!("{secret}algorithm = \"RS256\""), apart("algorithm", "client_secret")),
        (format!("{secret}jwt_audience = \"x\""), apart("jwt_audience", "client_secret")),
        (format!("{secret}backdate = 5"), apart("backdate", "client_secret")),
        (format!("{key}assertion_type = \"x\""), apart("assertion_type", "key")),
        (format!("{secret}previous_key = \"env:X\""), apart("previous_key", "client_secret")),
        (
            format!("{key}previous_key_id = \"x\""),
            "`previous_key_id` needs `previous_key`".to_owned(),
        ),
        (
            format!("{secret}certificate_key = \"env:X\""),
            "`certificate_key` needs `certificate`".to_owned(),
        ),
        (
            format!("{secret}certificate_bound_tokens = true"),
            "`certificate_bound_tokens` needs `certificate`".to_owned(),
        ),
        (format!("{none}jwt_typ = \"x\""), "`jwt_typ` needs `key` or `secret_jwt`".to_owned()),
        (
            format!("{none}grant_assertion = \"env:X\""),
            apart("grant = \"client_credentials\"", "grant_assertion"),
        ),
        (
            format!("{none}grant = \"jwt_bearer\"\nsubject = \"env:X\""),
            apart("grant = \"jwt_bearer\"", "subject"),
        ),
        (
            format!("{none}grant = \"token_exchange\"\ngrant_assertion = \"env:X\""),
            apart("grant = \"token_exchange\"", "grant_assertion"),
        ),
        (
            format!("{none}audience = [\"a\", \"b\"]"),
            "several audiences and a grant other than a token exchange do not fit together"
                .to_owned(),
        ),
    ] {
        let said = said(&rest);
        assert!(said.starts_with(&format!("line 2: {text}")), "{rest}: {said}");
    }
}

#[test]
fn a_member_that_is_missing_or_wrong_is_an_error_that_names_it() {
    let bearer = "grant = \"jwt_bearer\"\ngrant_assertion = \"env:X\"\n";
    let none = "client_id = \"x\"\nauth = \"none\"\n";
    for (rest, text) in [
        (String::new(), "line 2: `grant = \"client_credentials\"` needs `client_id`"),
        (
            "grant = \"jwt_bearer\"".to_owned(),
            "line 2: `grant = \"jwt_bearer\"` needs `grant_assertion`",
        ),
        (
            "grant = \"token_exchange\"".to_owned(),
            "line 2: `grant = \"token_exchange\"` needs `subject`",
        ),
        (
            "grant = \"token_exchange\"\nsubject = \"env:X\"\nactor = \"env:X\"".to_owned(),
            "line 2: `actor` needs `actor_type`",
        ),
        (
            "key = \"env:X\"".to_owned(),
            "line 2: `grant = \"client_credentials\"` needs `client_id`",
        ),
        (format!("{bearer}key = \"env:X\""), "line 2: `key` needs `client_id`"),
        (
            "grant = \"jwt_bearer\"\nassertion = \"env:X\"".to_owned(),
            "line 2: `grant = \"jwt_bearer\"` needs `grant_assertion`",
        ),
        (format!("{bearer}auth = \"none\""), "line 2: `auth` needs `client_id`"),
        ("client_id = \"x\"\nauth = \"post\"".to_owned(), "line 2: `auth` needs `client_secret`"),
        (
            "client_id = \"x\"".to_owned(),
            "line 2: `client_id` needs a proof: write one of `client_secret`, `key`, `secret_jwt`, `assertion`, \
             `certificate`, or `auth = \"none\"` for a public client",
        ),
        (
            format!("{none}grant = \"hunter2\""),
            "line 2: `grant` is `client_credentials`, `jwt_bearer`, `token_exchange` or",
        ),
        (
            "client_id = \"x\"\nclient_secret = \"env:X\"\nauth = \"hunter2\"".to_owned(),
            "line 2: `auth` is `basic`, `basic-percent`",
        ),
        (
            "client_id = \"x\"\nkey = \"env:X\"\nalgorithm = \"HS256\"".to_owned(),
            "line 2: `algorithm` is RS256, PS256, ES256, ES384 or EdDSA; for HS256, write `secret_jwt` in place of `key`",
        ),
        (
            "client_id = \"x\"\nkey = \"env:X\"\nbackdate = 121".to_owned(),
            "line 2: an assertion can be backdated by 120 s at most",
        ),
        (
            format!("{none}scope = \"hunter2 b\""),
            "line 2: a scope in `scope` has a blank: write a list",
        ),
        (format!("{none}scope = [\"a\", 7]"), "line 6: expected a text in quotation marks"),
        (
            format!("{none}resource = 7"),
            "line 6: expected a text in quotation marks, or a list of texts",
        ),
        (format!("{none}resource = \"api\""), "line 2: the resource \"api\" is no absolute URI"),
        (
            format!("{none}authorization_details = \"hunter2\""),
            "line 2: the authorization details are no JSON array",
        ),
        (
            format!("{none}parameters = {{ assertion = \"hunter2\" }}"),
            "line 2: the parameter \"assertion\" belongs to",
        ),
        (
            format!("{none}headers = {{ x-key = \"hunter2\" }}"),
            "line 6: a reference to a credential is",
        ),
        (
            format!("{none}headers = {{ Host = \"env:X\" }}"),
            "line 2: the header `Host` of the token endpoint is set",
        ),
        (
            "client_id = \"x\"\nkey = \"hunter2\"".to_owned(),
            "line 5: a reference to a credential is",
        ),
        (
            "client_id = \"x\"\nclient_assertion = \"env:X\"".to_owned(),
            "line 5: unknown field `client_assertion`",
        ),
    ] {
        let said = said(&rest);
        assert!(said.starts_with(text), "{rest}: {said}");
    }
}
