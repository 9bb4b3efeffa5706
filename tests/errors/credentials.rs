//! Credentials that cannot be read, or are none.

use std::fs;

use rcgen::KeyPair;
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::{Credential, TokenSource};

pub(crate) async fn said(secret: Credential) -> String {
    match Atlas::new("http://127.0.0.1:1/token", "reports", secret) {
        Ok(atlas) => {
            let source = TokenSource::over_http(atlas, HttpClient::plain().unwrap());
            let text = crate::without_the_pause(&source.token().await.unwrap_err());
            let begins =
                "no token: atlas (http://127.0.0.1:1/token, client \"reports\"): the credential ";
            text.strip_prefix(begins).expect(&text).to_owned()
        }
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_says_where_it_is_and_why() {
    let path = std::env::temp_dir().join(format!("outbound-auth-errors-{}", std::process::id()));
    let file = || Credential::file(&path);
    let shown = path.display();
    for (content, text) in
        [("", "is empty, or being written"), ("a\u{7}b", "has a control character")]
    {
        fs::write(&path, content).unwrap();
        assert_eq!(said(file()).await, format!("in file {shown} {text}"));
    }
    let der = "cannot be read: it is no text, and may be DER: write a certificate as PEM by `openssl x509 -inform DER -in old.der -out \
               new.pem`, or a key by `openssl pkey -inform DER -in old.der -out new.pem`";
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_der();
    for (content, text) in [
        (&*key, der),
        (&[0x30, 0x82, 1, 0x0a, 0xff], der),
        (b"0\xff latin 1", "cannot be read: it is not UTF-8"),
        (b"\xff", "cannot be read: it is not UTF-8"),
    ] {
        fs::write(&path, content).unwrap();
        assert_eq!(said(file()).await, format!("in file {shown} {text}"), "{content:x?}");
    }
    fs::remove_file(&path).unwrap();
    let missing = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(said(file()).await, format!("in file {shown} {missing}"));
    fs::create_dir(&path).unwrap();
    assert_eq!(said(file()).await, format!("in file {shown} cannot be read: not a regular file"));
    fs::remove_dir(&path).unwrap();

    let unset = said(Credential::env("OUTBOUND_AUTH_ERRORS_NOT_SET")).await;
    let text = "in environment variable OUTBOUND_AUTH_ERRORS_NOT_SET cannot be read: it is not set";
    assert_eq!(unset, text);
    // Cargo sets this variable, and the package has no home page.
    let empty = said(Credential::env("CARGO_PKG_HOMEPAGE")).await;
    assert_eq!(empty, "in environment variable CARGO_PKG_HOMEPAGE is empty");
    let empty = said(Credential::from_fn(|| Ok("".into()))).await;
    assert!(empty.starts_with("of function ") && empty.ends_with(" is empty"), "{empty}");
    let sealed = said(Credential::from_fn(|| Err("the vault is sealed".into()))).await;
    let number = sealed.split_once(" cannot be read").expect(&sealed).0;
    assert!(number.starts_with("of function "), "{sealed}");
    assert_eq!(sealed, format!("{number} cannot be read: the vault is sealed"));
}

#[tokio::test]
async fn a_value_that_is_no_credential_is_an_error_at_once() {
    assert_eq!(said(Credential::from("")).await, "the Client-Secret is empty");
    assert_eq!(said(Credential::from("a\nb")).await, "the Client-Secret has a control character");
    let text =
        "a reference to a credential is `file:/path` or `env:NAME`; this one is neither of these";
    assert_eq!(Credential::from_reference("vault:x").unwrap_err().to_string(), text);
}
