//! The error for a token endpoint that could not be asked.

use std::error::Error as StdError;
use std::iter::successors;

use crate::error::{BoxError, Error, ErrorKind, root_cause};
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::origin::Origin;

/// The error for a failure of the client. If the client goes through the layer that it serves, the error says so.
pub(crate) fn unreachable(origin: Option<&Origin>, error: BoxError) -> ExchangeError {
    // The text of reqwest's errors has the whole URL, and its query may have a key.
    #[cfg(feature = "reqwest")]
    let error = crate::error::without_url::without_url(error);
    let ours = Error::find(&*error);
    if ours.is_some_and(|ours| ours.kind() == ErrorKind::Reentrant) {
        let message = "the token endpoint's client sends through the layer that the token is for: give it a client without the layer";
        return ExchangeError::new(ExchangeErrorKind::Reentrant, message).with_source(error);
    }
    // The set-up cannot work, or the client has sent the credentials to another origin.
    let is_lasting = |ours: &&Error| {
        matches!(
            ours.kind(),
            ErrorKind::Configuration | ErrorKind::ForeignOrigin | ErrorKind::SentElsewhere
        )
    };
    if let Some(ours) = ours.filter(is_lasting) {
        let message = ours.to_string();
        return ExchangeError::new(ExchangeErrorKind::Configuration, message).with_source(error);
    }
    if let Some(ours) = ours.filter(|it| it.exchange().is_some()) {
        let message =
            format!("the token endpoint's client needs a token of another source: {ours:#}");
        return ExchangeError::new(ExchangeErrorKind::Unreachable, message).with_source(error);
    }
    let root = root_cause(&*error);
    let origin = origin.map_or("the token endpoint".to_owned(), Origin::to_string);
    let message = match advice(&root) {
        Some(advice) => format!("{origin} could not be reached: {root}: {advice}"),
        None => format!("{origin} could not be reached: {root}"),
    };
    ExchangeError::new(ExchangeErrorKind::Unreachable, message).with_source(error)
}

/// Whether a failure of the client means that nothing of the request was sent, because there was no connection. Of an unknown
/// client's error, this is not known.
pub(crate) fn was_not_sent(error: &(dyn StdError + 'static)) -> bool {
    let ours = Error::find(error).map(Error::kind);
    let is_ours = matches!(
        ours,
        Some(ErrorKind::Reentrant | ErrorKind::Configuration | ErrorKind::ForeignOrigin)
    );
    let mut causes = successors(Some(error), |error: &&(dyn StdError + 'static)| (*error).source());
    is_ours || causes.any(is_connect)
}

fn is_connect(error: &(dyn StdError + 'static)) -> bool {
    #[cfg(any(feature = "client", feature = "reqwest", feature = "test-util"))]
    if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
        return error.is_connect();
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return error.is_connect();
    }
    let _ = error;
    false
}

/// What to do about a cause. It is found by its text, because the client may be the user's, with error types that are not
/// available here. The texts are those of the operating system, of hyper 1 and of rustls 0.23.
fn advice(root: &str) -> Option<&'static str> {
    const ADVICE: [(&str, &str); 9] = [
        (
            "deadline has elapsed",
            "no connection was made in time: check the address, the route and the firewall",
        ),
        (
            "Connection refused",
            "nothing listens there: check the port, and whether the server runs",
        ),
        ("failed to lookup address", "check the host's name, and the DNS of this machine"),
        ("invalid HTTP version", "the port may speak TLS: an address for TLS begins with https://"),
        (
            "InvalidContentType",
            "the port speaks no TLS: check the port; an address without TLS begins with http://",
        ),
        (
            "UnknownIssuer",
            "this machine does not trust the authority that signed the certificate: add its root certificate to the client's roots (TlsRoots::pem)",
        ),
        ("certificate expired", "check the server's certificate, and the clock of this machine"),
        ("not valid yet", "check the server's certificate, and the clock of this machine"),
        (
            "not valid for name",
            "check the host's name; or something in between (a proxy, a captive portal) answered in its place",
        ),
    ];
    ADVICE.into_iter().find(|(text, _)| root.contains(text)).map(|(_, advice)| advice)
}
