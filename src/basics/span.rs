//! How a span ends, in the words of OpenTelemetry.

use tracing::Span;

/// Ends a span that has the fields `otel.status_code` and `error.type`: it failed. Call it once.
pub(crate) fn failed(span: &Span, error_type: &str) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", error_type);
}
