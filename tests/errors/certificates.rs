//! A certificate and a key that cannot be used.

use std::fs;

use rcgen::{CertificateParams, KeyPair};
use tower_outbound_auth::endpoint::{ClientCertificate, HttpClient, TlsRoots};
use tower_outbound_auth::system::{OAuth, OAuthClient};
use tower_outbound_auth::{Credential, TokenSource};

/// A certificate and its key, as PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["billing".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

async fn said(certificate: ClientCertificate) -> String {
    let system = OAuth::builder("https://127.0.0.1:1/token")
        .client(OAuthClient::tls("billing"))
        .certificate(certificate)
        .build();
    let client = HttpClient::new(TlsRoots::pem(pair().0.as_bytes()).unwrap()).unwrap();
    let source = TokenSource::over_http(system.unwrap(), client);
    let text = crate::without_the_pause(&source.token().await.unwrap_err());
    let (_, text) = text.split_once("the client certificate and its key in ").expect(&text);
    text.to_owned()
}

const ENCRYPTED: &str = "the private key is encrypted: write it without a passphrase (`openssl pkey -in old.pem -out new.pem`) into a \
                         file that only this service can read";

#[tokio::test]
async fn two_files_that_are_no_pair_say_which_one_is_wrong_and_what_to_do() {
    let place = |name: &str| {
        std::env::temp_dir().join(format!("outbound-auth-pair-{}-{name}", std::process::id()))
    };
    let (crt, key) = (place("crt"), place("key"));
    let (a, b) = (format!("file {}", crt.display()), format!("file {}", key.display()));
    let (certificate, private) = pair();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA \
                  PRIVATE KEY-----\n";
    for (texts, says) in [
        ([&*certificate, encrypted], ENCRYPTED.to_owned()),
        ([&*certificate, legacy], ENCRYPTED.to_owned()),
        (
            [&*private, &*certificate],
            format!("{a} has a private key, and {b} has a certificate: the two may be swapped"),
        ),
        ([&*private, &*private], format!("there is no certificate in {a}")),
        (["garbage", &*private], format!("there is no certificate in {a}")),
        (
            [&*certificate, &*certificate],
            format!("there is no private key in {b}, as PEM without a password"),
        ),
        (
            [&*certificate, &*pair().1],
            "the certificate and the private key do not belong together".to_owned(),
        ),
    ] {
        fs::write(&crt, texts[0]).unwrap();
        fs::write(&key, texts[1]).unwrap();
        let certificate =
            ClientCertificate::with_key(Credential::file(&crt), Credential::file(&key));
        assert_eq!(said(certificate).await, format!("{a} and {b}: {says}"));
    }
    fs::write(&crt, &private).unwrap();
    let alone = said(ClientCertificate::new(Credential::file(&crt))).await;
    assert_eq!(alone, format!("{a}: there is no certificate in it"));
    fs::remove_file(&crt).unwrap();
    fs::remove_file(&key).unwrap();
}

#[tokio::test]
async fn values_that_are_no_pair_say_which_one_is_wrong() {
    let (certificate, key) = pair();
    let swapped = said(ClientCertificate::with_key(&*key, &*certificate)).await;
    let text = "value and value: the value for the certificate has a private key, and the value for the key has a certificate: the \
                two may be swapped";
    assert_eq!(swapped, text);
}
