use super::*;

#[test]
fn an_error_code_cannot_forge_a_log_line() {
    let error = ExchangeError::new(ExchangeErrorKind::Refused, "refused")
        .with_status(StatusCode::UNAUTHORIZED)
        .with_code("invalid\r\nINFO all is well\u{1b}[2J");
    assert_eq!(error.code(), Some("invalid__INFO_all_is_well_[2J"));
    assert_eq!(error.to_string(), "refused (status 401, invalid__INFO_all_is_well_[2J)");
    let long = error.with_code(&"x".repeat(1_000));
    assert_eq!(long.code().map(str::len), Some(64));
}

#[test]
fn clones_share_one_failure_and_a_change_leaves_them_alone() {
    let first = ExchangeError::new(ExchangeErrorKind::Timeout, "too slow");
    let second = first.clone().with_retry_after(Duration::from_secs(3));
    assert_eq!(first.retry_after(), None);
    assert_eq!(second.retry_after(), Some(Duration::from_secs(3)));
}
