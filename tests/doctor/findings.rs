//! From facts to findings, without a server.

use std::time::Duration;

use crate::doctor::facts::{
    Answer, Asked, AuthSeen, Connection, ExpiresIn, Facts, Failure, Jwt, Kind, Members, NewToken,
    Outcome, Refresh, Sent, Tls, Token, Used, Word,
};
use crate::doctor::findings::{Mark, all};
use crate::doctor::visit::unused_proxy;

/// A visit without anything to complain about.
fn well() -> Facts {
    let members = Members {
        expires_in: ExpiresIn::Number(3600.0),
        has_token_type: true,
        ..Members::default()
    };
    let answer = Answer {
        status: 200,
        content_type: Some("application/json"),
        ahead: Some(0),
        no_store: true,
        members,
        ..Answer::default()
    };
    Facts {
        asked: Asked {
            kind: Kind::ClientCredentials,
            system: "client_credentials".to_owned(),
            endpoint: Some("https://idp.example/token".to_owned()),
            ..Asked::default()
        },
        requests: vec![Sent {
            auth: AuthSeen::Basic,
            key_id: None,
            claims: None,
            is_for_metadata: false,
            answer: Some(answer),
        }],
        outcome: Outcome::Token(Token {
            life: Some(Duration::from_secs(3600)),
            is_stated: true,
            token_type: Some("bearer"),
            header: "authorization".to_owned(),
            jwt: None,
        }),
        ..Facts::default()
    }
}

fn refused() -> Facts {
    let mut facts = well();
    facts.outcome = Outcome::Failure(Failure {
        text: "the token endpoint refuses the credentials".to_owned(),
        kind: "refused",
        code: Some("invalid_client".to_owned()),
    });
    with_answer(facts, |it| {
        it.status = 401;
        it.members = Members { has_error: true, ..Members::default() };
    })
}

fn with_answer(mut facts: Facts, change: impl FnOnce(&mut Answer)) -> Facts {
    change(facts.requests[0].answer.as_mut().unwrap());
    facts
}

fn with_token(mut facts: Facts, change: impl FnOnce(&mut Token)) -> Facts {
    let Outcome::Token(token) = &mut facts.outcome else { panic!("there is a token") };
    change(token);
    facts
}

/// All findings, with their marks.
fn said(facts: &Facts) -> Vec<(Mark, String)> {
    let sections = all(facts);
    sections.into_iter().flat_map(|it| it.findings).map(|it| (it.mark, it.text)).collect()
}

#[track_caller]
fn assert_said(facts: &Facts, mark: Mark, text: &str) {
    let found = said(facts);
    assert!(found.iter().any(|it| it.0 == mark && it.1.contains(text)), "{text}: {found:#?}");
}

#[test]
fn a_good_visit_has_only_good_findings() {
    let found = said(&well());
    assert!(found.len() > 8 && found.iter().all(|it| it.0 == Mark::Ok), "{found:#?}");
}

#[test]
fn each_fault_of_a_provider_is_a_note_with_its_section() {
    let answer = |change: fn(&mut Answer)| with_answer(well(), change);
    for (facts, text) in [
        (answer(|it| it.no_store = false), "no-store is missing (RFC 6749 section 5.1)"),
        (
            answer(|it| it.members.expires_in = ExpiresIn::Absent),
            "`expires_in` is missing, which RFC 6749 section 5.1",
        ),
        (
            answer(|it| it.members.expires_in = ExpiresIn::Text),
            "`expires_in` is a text, and should be a number (RFC 6749 appendix A.14)",
        ),
        (
            answer(|it| it.members.expires_in = ExpiresIn::Other),
            "is no number of seconds (RFC 6749 appendix A.14)",
        ),
        (
            answer(|it| it.members.expires_in = ExpiresIn::Number(0.0)),
            "`expires_in` is 0 or less, which no usable token has (RFC 6749 section 5.1)",
        ),
        (
            answer(|it| it.members.has_token_type = false),
            "`token_type` is missing, which RFC 6749 section 5.1 requires",
        ),
        (answer(|it| it.members.has_refresh_token = true), "RFC 6749 section 4.4.3"),
        (
            answer(|it| it.content_type = Some("text/plain")),
            "not application/json (RFC 6749 section 5.1)",
        ),
        (
            answer(|it| it.cookies = vec![(true, true), (false, true)]),
            "a cookie without Secure (RFC 6265 section 8.3)",
        ),
        (
            answer(|it| it.is_another_charset = true),
            "JSON in another charset than UTF-8 (RFC 8259 section 8.1)",
        ),
        (answer(|it| it.ahead = None), "no Date (RFC 9110 section 6.6.1)"),
        (
            with_answer(refused(), |it| it.status = 200),
            "a status of success (RFC 6749 section 5.2 has 400 or 401)",
        ),
        (
            with_answer(refused(), |it| it.status = 400),
            "with a 400, after a request with Basic (RFC 6749 section 5.2",
        ),
        (
            with_answer(refused(), |it| it.members.has_error = false),
            "without `error` (RFC 6749 section 5.2",
        ),
        (refused(), "WWW-Authenticate is missing from a 401 (RFC 9110 section 15.5.2)"),
    ] {
        assert_said(&facts, Mark::Note, text);
        assert!(
            !said(&well()).iter().any(|it| it.1.contains(text)),
            "{text} is also said of a good visit"
        );
    }
}

#[test]
fn the_headers_of_a_limit_are_shown() {
    let facts = with_answer(well(), |it| {
        it.retry_after = Some(Some(30));
        it.limits = vec![("x-ratelimit-remaining", 0), ("x-ratelimit-reset", 17)];
    });
    assert_said(&facts, Mark::Note, "Retry-After: 30 s");
    assert_said(&facts, Mark::Note, "x-ratelimit-remaining: 0. No request is left");
    assert_said(&facts, Mark::Ok, "x-ratelimit-reset: 17");
    assert_said(&with_answer(well(), |it| it.is_compressed = true), Mark::Wrong, "compressed");
    let facts = with_answer(refused(), |it| it.challenges = vec!["Basic", "Bearer"]);
    assert_said(&facts, Mark::Ok, "WWW-Authenticate: Basic, Bearer");
}

#[test]
fn a_clock_is_judged_by_its_distance() {
    for (ahead, mark, text) in [
        (-2, Mark::Ok, "agree within 2 s"),
        (9, Mark::Ok, "is 9 s ahead of ours, which does not matter"),
        (-40, Mark::Note, "is 40 s behind ours: the life of the token does not depend on it"),
        (601, Mark::Wrong, "is 10 min ahead of ours"),
        (i64::MIN, Mark::Wrong, "behind ours"),
    ] {
        assert_said(&with_answer(well(), |it| it.ahead = Some(ahead)), mark, text);
    }
    let facts = with_answer(well(), |it| {
        (it.ahead, it.members.expires_in) = (Some(40), ExpiresIn::Absent);
    });
    assert_said(&facts, Mark::Note, "a life that is stated as a point in time is then wrong");
}

#[test]
fn a_certificate_that_ends_is_reported_before_and_after() {
    let tls = |days: i64| {
        let names = ["a.example", "b.example", "c.example", "d.example"].map(str::to_owned);
        let ends = Some(("2031-01-01".to_owned(), days));
        let tls = Tls { names: names.into(), ends, ..Tls::default() };
        Facts { connection: Connection::Tls(tls), ..well() }
    };
    let names = "a.example, b.example, c.example and 1 more";
    assert_said(&tls(90), Mark::Ok, &format!("is for {names}, and ends on 2031-01-01"));
    assert_said(&tls(20), Mark::Note, &format!("for {names} ends on 2031-01-01, in 20 days"));
    assert_said(&tls(-1), Mark::Wrong, &format!("for {names} ended on 2031-01-01"));
}

#[test]
fn a_proxy_of_the_environment_is_named_if_it_is_set_and_not_used() {
    let set = |name: &str| (name == "ALL_PROXY").then(|| "http://user:hunter2@proxy:1".to_owned());
    let unused = |endpoint, has_proxy| unused_proxy(Some(endpoint), has_proxy, &set);
    assert_eq!(unused("https://idp.example/token", false), Some("ALL_PROXY"));
    assert_eq!(unused("https://idp.example/token", true), None);
    for here in
        ["https://localhost:1/", "https://127.0.0.1/", "https://[::1]:1/", "http://127.0.0.1/"]
    {
        assert_eq!(unused(here, false), None, "{here}");
    }
    assert_eq!(unused_proxy(Some("https://idp.example"), false, &|_| None), None);
    let facts = Facts { unused_proxy: Some("ALL_PROXY"), ..well() };
    assert_said(&facts, Mark::Note, "ALL_PROXY is set, and is not used");
}

#[test]
fn a_life_names_what_states_it() {
    let jwt = Some(Jwt { alg: Some("RS256"), iss: true, aud: false, exp: true });
    let no_expires_in = |it: &mut Answer| it.members.expires_in = ExpiresIn::Absent;
    assert_said(&well(), Mark::Ok, "it lives for 1 h, as `expires_in` says");
    let facts = with_token(with_answer(well(), no_expires_in), |it| it.jwt = jwt.clone());
    assert_said(&facts, Mark::Ok, "as the claim `exp` says");
    assert_said(&facts, Mark::Ok, "a JWT, alg RS256, with iss, exp, without aud");
    let shorter = with_token(well(), |it| {
        (it.life, it.jwt) = (Some(Duration::from_secs(1800)), jwt.clone());
    });
    assert_said(&shorter, Mark::Ok, "it lives for 30 min, as the claim `exp` says");
    let facts = with_answer(facts, |it| it.members.end = Some("expires_at"));
    assert_said(&facts, Mark::Ok, "as `expires_at` says");
    let facts = with_token(with_answer(well(), no_expires_in), |it| it.is_stated = false);
    assert_said(&facts, Mark::Note, "it states no life: 1 h is assumed");
    let facts = with_token(well(), |it| it.life = Some(Duration::from_secs(10)));
    assert_said(&facts, Mark::Note, "between 8 s and 9 s after it came");
    assert_said(&with_token(well(), |it| it.life = None), Mark::Ok, "it does not expire");
    let none = Some(Jwt { alg: Some("none"), ..Jwt::default() });
    assert_said(&with_token(well(), |it| it.jwt = none), Mark::Wrong, "it has no signature");
}

#[test]
fn a_scope_is_compared_with_what_was_asked() {
    let scope = |asked: Option<&str>, granted: Option<&[&str]>| {
        let words = |it: &[&str]| it.iter().map(|&word| Word::Shown(word.to_owned())).collect();
        let mut facts = with_answer(well(), |it| it.members.scope = granted.map(words));
        facts.asked.scope = asked.map(str::to_owned);
        facts
    };
    assert_said(&scope(None, None), Mark::Ok, "none asked, none stated");
    assert_said(&scope(Some("a b"), None), Mark::Ok, "scope a b, as asked (the answer does not");
    assert_said(&scope(Some("a b"), Some(&["b", "a"])), Mark::Ok, "scope a b, as asked");
    assert_said(&scope(None, Some(&["a"])), Mark::Ok, "scope a, which was not asked for");
    assert_said(&scope(Some("a"), Some(&["a", "c"])), Mark::Note, "scope a c: more than was asked");
    assert_said(&scope(Some("a b"), Some(&["a"])), Mark::Note, "scope a; not granted: b");
}

#[test]
fn a_refused_client_is_told_the_other_place_for_its_secret() {
    assert_said(&refused(), Mark::Note, "try them in the body, by --auth post");
    let mut facts = refused();
    facts.requests[0].auth = AuthSeen::Body;
    assert_said(&facts, Mark::Note, "try them in the header, by Basic, by --auth basic");
    facts.asked.kind = Kind::Atlas;
    assert!(!said(&facts).iter().any(|it| it.1.contains("--auth")));
}

#[test]
fn a_second_exchange_says_what_was_shown_and_what_changed() {
    let second = |used, is_new, new_refresh_token| {
        let result = Ok(NewToken { is_new, new_refresh_token });
        Facts { refresh: Some(Refresh { used, result }), ..well() }
    };
    let facts = second(Used::RefreshToken, true, true);
    assert_said(&facts, Mark::Ok, "works; a new token came, and a new refresh token");
    let facts = second(Used::RefreshToken, true, false);
    assert_said(&facts, Mark::Ok, "a new token came; the refresh token stays the same");
    let facts = second(Used::RefusedRefreshToken, true, true);
    assert_said(
        &facts,
        Mark::Note,
        "the refresh token was refused, and the credentials were shown",
    );
    let facts = second(Used::Credentials, false, false);
    assert_said(&facts, Mark::Note, "the same token came, so a token that an API refuses has no");
    let failed = Refresh { used: Used::Nothing, result: Err("no answer within 10s".to_owned()) };
    let facts = Facts { refresh: Some(failed), ..well() };
    assert_said(&facts, Mark::Wrong, "second exchange: no answer within 10s");
}

#[test]
fn a_crowded_endpoint_is_no_reason_to_look_for_another_address() {
    let facts = |status: u16| {
        let mut facts = with_answer(refused(), |it| it.status = status);
        let text = "the token endpoint gave no token".to_owned();
        facts.outcome = Outcome::Failure(Failure { text, kind: "unavailable", code: None });
        facts
    };
    let names_the_address = |status| said(&facts(status)).iter().any(|it| it.1.contains("openid"));
    assert!([400, 403, 404, 405].into_iter().all(names_the_address));
    assert!(![407, 429, 500, 503].into_iter().any(names_the_address));
}
