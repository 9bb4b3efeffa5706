//! The gRPC status of an error; see [`adapter::tonic`](crate::adapter::tonic).

use tonic::{Code, Status};

use crate::error::kind::ErrorKind;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// The status of an error, to be its source.
pub(crate) fn status_of(kind: ErrorKind, exchange: Option<&ExchangeError>, text: String) -> Status {
    let mut status = Status::new(code_of(kind, exchange), text);
    if let Some(source) = exchange.and_then(ExchangeError::shared_source) {
        status.set_source(source);
    }
    status
}

fn code_of(kind: ErrorKind, exchange: Option<&ExchangeError>) -> Code {
    match kind {
        ErrorKind::Exchange => match exchange.map(ExchangeError::kind) {
            Some(ExchangeErrorKind::Refused) => Code::Unauthenticated,
            Some(ExchangeErrorKind::Configuration) => Code::FailedPrecondition,
            Some(ExchangeErrorKind::Reentrant) => Code::Internal,
            _ => Code::Unavailable,
        },
        ErrorKind::NoSuccessor => Code::Unauthenticated,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::Configuration | ErrorKind::ForeignOrigin | ErrorKind::Insecure => {
            Code::FailedPrecondition
        }
        ErrorKind::Proof | ErrorKind::Reentrant | ErrorKind::Runtime => Code::Internal,
    }
}
