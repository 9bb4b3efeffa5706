//! The gRPC status of this crate's errors: the table of codes.

use std::sync::Arc;

use tonic::{Code, Status};

use crate::error::kind::ErrorKind;
use crate::error::{BoxError, Error};
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

/// An error of this crate becomes the source of a new status. Any other error stays as it is.
#[cold]
pub(crate) fn with_status(error: BoxError) -> BoxError {
    match error.downcast::<Error>() {
        Ok(ours) => status_of(*ours).into(),
        Err(other) => other,
    }
}

fn status_of(error: Error) -> Status {
    let mut status = Status::new(code_of(&error), error.to_string());
    status.set_source(Arc::new(error));
    status
}

fn code_of(error: &Error) -> Code {
    match error.kind() {
        ErrorKind::Exchange => match error.exchange().map(ExchangeError::kind) {
            Some(ExchangeErrorKind::Refused) => Code::Unauthenticated,
            Some(ExchangeErrorKind::Configuration) => Code::FailedPrecondition,
            Some(ExchangeErrorKind::Reentrant) => Code::Internal,
            _ => Code::Unavailable,
        },
        ErrorKind::NoSuccessor => Code::Unauthenticated,
        ErrorKind::Timeout => Code::DeadlineExceeded,
        ErrorKind::Configuration
        | ErrorKind::ForeignOrigin
        | ErrorKind::SentElsewhere
        | ErrorKind::Insecure => Code::FailedPrecondition,
        ErrorKind::Proof | ErrorKind::Reentrant | ErrorKind::Runtime => Code::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(error: Error) -> Status {
        *with_status(error.into()).downcast().unwrap()
    }

    #[test]
    fn every_kind_of_error_has_its_code() {
        for (kind, code) in [
            (ErrorKind::Exchange, Code::Unavailable),
            (ErrorKind::NoSuccessor, Code::Unauthenticated),
            (ErrorKind::Timeout, Code::DeadlineExceeded),
            (ErrorKind::Configuration, Code::FailedPrecondition),
            (ErrorKind::ForeignOrigin, Code::FailedPrecondition),
            (ErrorKind::SentElsewhere, Code::FailedPrecondition),
            (ErrorKind::Insecure, Code::FailedPrecondition),
            (ErrorKind::Proof, Code::Internal),
            (ErrorKind::Reentrant, Code::Internal),
            (ErrorKind::Runtime, Code::Internal),
        ] {
            let status = wrapped(Error::new(kind, "our text"));
            assert_eq!((status.code(), status.message()), (code, "our text"), "{kind}");
            assert_eq!(Error::find(&status).unwrap().kind(), kind);
        }
    }

    #[test]
    fn an_error_of_others_is_unchanged_even_with_an_error_of_ours_as_its_source() {
        let other = with_status(std::io::Error::other(Error::out_of_time()).into());
        assert!(other.is::<std::io::Error>());
        let status = with_status(Status::not_found("no").into());
        assert_eq!(status.downcast::<Status>().unwrap().code(), Code::NotFound);
    }
}
