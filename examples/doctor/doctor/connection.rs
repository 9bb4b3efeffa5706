//! Looks at the TLS of the endpoint by a handshake of its own, on which nothing is sent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::facts::{Connection, Tls};

const PATIENCE: Duration = Duration::from_secs(5);

/// The connection to `endpoint`. [`Connection::Unknown`] if there is none: then the exchange says why.
pub(crate) async fn look_at(endpoint: &str) -> Connection {
    // A login's URL may have placeholders in its path, which `Uri` does not read.
    let Some((scheme, rest)) = endpoint.split_once("://") else { return Connection::Unknown };
    let authority = rest.split('/').next().unwrap_or_default();
    let Ok(uri) = format!("{scheme}://{authority}/").parse::<Uri>() else {
        return Connection::Unknown;
    };
    if uri.scheme_str() == Some("http") {
        return Connection::Plain;
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let handshake = shake_hands(&host, uri.port_u16().unwrap_or(443));
    let tls = timeout(PATIENCE, handshake).await.ok().flatten();
    tls.map_or(Connection::Unknown, Connection::Tls)
}

async fn shake_hands(host: &str, port: u16) -> Option<Tls> {
    let provider = Arc::new(ring::default_provider());
    let seen = Arc::new(Seen { provider: provider.clone(), certificate: Mutex::default() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(seen.clone())
        .with_no_client_auth();
    let stream = TcpStream::connect((host, port)).await.ok()?;
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_3 => "1.3".to_owned(),
        rustls::ProtocolVersion::TLSv1_2 => "1.2".to_owned(),
        other => format!("{other:?}"),
    };
    let cipher = format!("{:?}", connection.negotiated_cipher_suite()?.suite());
    // rustls has names of its own for the suites of TLS 1.3.
    let cipher = cipher.replace("TLS13_", "TLS_");
    let certificate = seen.certificate.lock().unwrap_or_else(PoisonError::into_inner).take();
    let tls = Tls { version, cipher, ..Tls::default() };
    Some(certificate.as_deref().and_then(|it| described(it, &tls)).unwrap_or(tls))
}

fn described(der: &[u8], tls: &Tls) -> Option<Tls> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let alternative = certificate.subject_alternative_name().ok().flatten();
    let names = alternative.into_iter().flat_map(|it| &it.value.general_names);
    let names = names.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(visible(name)),
        GeneralName::IPAddress([a, b, c, d]) => Some(format!("{a}.{b}.{c}.{d}")),
        _ => None,
    });
    let end = certificate.validity().not_after;
    let left = end.timestamp() - x509_parser::time::ASN1Time::now().timestamp();
    Some(Tls {
        names: names.collect(),
        ends: Some((end.to_datetime().date().to_string(), left.div_euclid(86_400))),
        is_self_signed: certificate.issuer() == certificate.subject(),
        ..tls.clone()
    })
}

fn visible(name: &str) -> String {
    name.chars().take(80).map(|c| if c.is_ascii_graphic() { c } else { '_' }).collect()
}

/// Keeps the certificate and accepts each one. The exchange itself goes through the crate's client, which verifies it.
#[derive(Debug)]
struct Seen {
    provider: Arc<CryptoProvider>,
    certificate: Mutex<Option<Vec<u8>>>,
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut seen = self.certificate.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = Some(end_entity.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
