//! Builds the request of a step.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::endpoint::encoding::form_body;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;
use crate::system::login::digest::Digest;
use crate::system::login::parts::{Login, STEPS};
use crate::system::login::step::LoginStep;
use crate::system::login::template::{Template, plain};

/// The values of the placeholders in one request.
pub(crate) struct Values<'a> {
    login: &'a Login,
    cx: &'a RequestContext,
    now: Duration,
    nonce: String,
    computed: Vec<(&'a str, Secret)>,
    body: Option<Secret>,
}

impl<'a> Values<'a> {
    /// # Errors
    ///
    /// [`Configuration`](ExchangeErrorKind::Configuration) if the system has no random numbers.
    pub(crate) fn new(
        login: &'a Login,
        cx: &'a RequestContext,
    ) -> Result<Values<'a>, ExchangeError> {
        let mut random = [0; 16];
        let filled = SystemRandom::new().fill(&mut random);
        filled.map_err(|_| {
            failed("the system gives no random numbers for a login's nonce".to_owned())
        })?;
        let nonce = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Values {
            login,
            cx,
            now: cx.now().since_epoch(),
            nonce,
            computed: Vec::new(),
            body: None,
        })
    }

    fn get(&self, name: &str) -> Result<Secret, ExchangeError> {
        let absent = || failed(format!("`{{{name}}}` has no value in this request of the login"));
        match name {
            "now" => return Ok(self.now.as_secs().to_string().into()),
            "now_ms" => return Ok(self.now.as_millis().to_string().into()),
            "now_rfc3339" => return Ok(rfc_3339(self.now).into()),
            "nonce" => return Ok(self.nonce.as_str().into()),
            "body" => return self.body.clone().ok_or_else(absent),
            "refresh_token" => return self.cx.refresh_token().cloned().ok_or_else(absent),
            _ => {}
        }
        if let Some((_, value)) = self.computed.iter().find(|(its_name, _)| *its_name == name) {
            return Ok(value.clone());
        }
        if let Some(credential) = self.login.credential(name) {
            return self.cx.credential(credential);
        }
        let taken = self
            .login
            .steps
            .iter()
            .zip(STEPS)
            .find_map(|(step, request)| step.take.get(name).zip(self.cx.answer_to(request)));
        let (place, answer) = taken.ok_or_else(absent)?;
        place.text(answer)?.ok_or_else(absent)
    }

    /// Computes the digests of which `is_wanted` says so.
    fn compute(
        &mut self,
        step: &'a LoginStep,
        is_wanted: impl Fn(&Digest) -> bool,
    ) -> Result<(), ExchangeError> {
        for (name, digest) in &step.compute.0 {
            if is_wanted(digest) {
                let value = digest.compute(&|name| self.get(name))?;
                self.computed.push((name, value));
            }
        }
        Ok(())
    }
}

/// # Errors
///
/// [`Configuration`](ExchangeErrorKind::Configuration) if a value cannot be where its placeholder is.
pub(crate) fn request<'a>(
    step: &'a LoginStep,
    name: &'static str,
    mut values: Values<'a>,
) -> Result<ExchangeRequest, ExchangeError> {
    let is_of_body =
        |digest: &Digest| digest.templates().flat_map(Template::names).any(|it| it == "body");
    values.compute(step, |digest| !is_of_body(digest))?;
    let (content_type, body) = body(step, &values)?;
    values.body = Some(Secret::from(String::from_utf8_lossy(&body).into_owned()));
    values.compute(step, is_of_body)?;
    let lookup = |name: &str| values.get(name);

    let url = step.url.render(&lookup, &step.query.0)?;
    let mut request = Request::builder().method(&step.method).uri(url.as_str());
    let names: Vec<HeaderName> =
        step.headers.0.iter().filter_map(|(name, _)| name.parse().ok()).collect();
    if !names.contains(&ACCEPT) {
        request = request.header(ACCEPT, "application/json");
    }
    if let Some(content_type) = content_type {
        request = request.header(CONTENT_TYPE, content_type);
    }
    if let Some([user, password]) = &step.basic {
        let (user, password) = (user.render(&lookup, plain)?, password.render(&lookup, plain)?);
        if user.contains(':') {
            return Err(failed(
                "the user of Basic has a colon, which RFC 7617 section 2 forbids".to_owned(),
            ));
        }
        let pair = Zeroizing::new(format!("{}:{}", *user, *password));
        let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
        request = request.header(AUTHORIZATION, sensitive("authorization", &value)?);
    }
    for (name, (text, value)) in names.iter().zip(&step.headers.0) {
        request = request.header(name, sensitive(text, &value.render(&lookup, plain)?)?);
    }
    let request = ExchangeRequest::new(request.body(Bytes::from_owner(body))?);
    Ok(request.named(name).shown_as(step.url.shown()))
}

fn body(
    step: &LoginStep,
    values: &Values<'_>,
) -> Result<(Option<&'static str>, Zeroizing<Vec<u8>>), ExchangeError> {
    let lookup = |name: &str| values.get(name);
    if let Some(json) = &step.json {
        return Ok((Some("application/json"), json.render(&lookup)?));
    }
    if let Some(form) = &step.form {
        let fields = form.0.iter().map(|(name, text)| Ok((&**name, text.render(&lookup, plain)?)));
        let fields = fields.collect::<Result<Vec<_>, ExchangeError>>()?;
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, &***value)).collect();
        return Ok((Some("application/x-www-form-urlencoded"), form_body(&fields)));
    }
    let text = step
        .body
        .as_ref()
        .map_or_else(|| Ok(Zeroizing::default()), |it| it.render(&lookup, plain))?;
    Ok((None, Zeroizing::new(text.as_bytes().to_vec())))
}

fn sensitive(name: &str, text: &str) -> Result<HeaderValue, ExchangeError> {
    let bytes = Bytes::from_owner(Zeroizing::new(text.as_bytes().to_vec()));
    let unusable = |_| {
        failed(format!("the header `{name}` of a login has a character that no header can have"))
    };
    let mut value = HeaderValue::from_maybe_shared(bytes).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

fn failed(message: String) -> ExchangeError {
    ExchangeError::new(ExchangeErrorKind::Configuration, message)
}

/// `2026-01-01T00:00:00Z`, from the date of HTTP (`Thu, 01 Jan 2026 00:00:00 GMT`).
fn rfc_3339(since_epoch: Duration) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let date = httpdate::fmt_http_date(UNIX_EPOCH + since_epoch);
    let words: Vec<&str> = date.split(' ').collect();
    let [_, day, month, year, time, _] = words[..] else { return String::new() };
    let month = MONTHS.iter().position(|it| *it == month).unwrap_or_default() + 1;
    format!("{year}-{month:02}-{day}T{time}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_by_rfc_3339() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_827_696, "2000-02-29T12:34:56Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc_3339(Duration::from_secs(seconds)), text);
        }
    }
}
