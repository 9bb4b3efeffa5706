//! The token: its type, its life, its scope, its form.

use std::collections::BTreeSet;

use super::super::facts::{
    Answer, Asked, ExpiresIn, Facts, Jwt, Kind, NewToken, Outcome, Refresh, Token, Used, Word,
};
use super::{Finding, last_answer, note, ok, span, wrong};

/// A life in seconds that leaves less than half a minute between two renewals.
const SHORT: u64 = 60;

/// In seconds: lives that differ by less are the same.
const NEAR: f64 = 2.0;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Outcome::Token(token) = &facts.outcome else { return Vec::new() };
    let empty = Answer::default();
    let answer = last_answer(facts).unwrap_or(&empty);
    let header = &token.header;
    let mut findings = vec![match token.token_type {
        Some(token_type) => ok(format!("type {token_type}; requests carry it in `{header}`")),
        None => ok(format!("no type; requests carry it in `{header}`")),
    }];
    findings.extend(life(token, answer, &facts.asked));
    if facts.asked.kind == Kind::TokenFile {
        findings.push(form(token.jwt.as_ref()));
        return findings;
    }
    if facts.asked.kind.is_oauth() {
        findings.push(scope(&facts.asked, answer));
    }
    if facts.asked.kind != Kind::Cloud {
        findings.push(refresh_token(&facts.asked, answer));
    }
    findings.push(form(token.jwt.as_ref()));
    findings.extend(facts.refresh.as_ref().map(second_exchange));
    findings
}

fn life(token: &Token, answer: &Answer, asked: &Asked) -> Vec<Finding> {
    let Some(life) = token.life else { return vec![ok("it does not expire")] };
    let text = format!("it lives for {}", span(life));
    let stated = match (stated_by(token, answer, asked), token.is_stated) {
        (Some(by), true) => ok(format!("{text}, as {by} says")),
        (None, true) => ok(text),
        (_, false) => note(format!(
            "it states no life: {} is assumed, and `default_lifetime` changes that. A 401 renews it in any case",
            span(life)
        )),
    };
    if asked.kind == Kind::TokenFile {
        return vec![
            stated,
            ok("the file is looked at again once a minute at most, if requests use the token"),
        ];
    }
    let ahead = format!(
        "it is renewed in the background, between {} and {} after it came, if requests use it",
        span(life.mul_f64(0.8)),
        span(life.mul_f64(0.9))
    );
    let ahead = match life.as_secs() < SHORT {
        true => note(format!("{ahead}: a short life costs many exchanges")),
        false => ok(ahead),
    };
    vec![stated, ahead]
}

/// What states the life. The crate takes the shortest.
fn stated_by(token: &Token, answer: &Answer, asked: &Asked) -> Option<String> {
    let members = &answer.members;
    let is_cookie = asked.token_at.as_deref().is_some_and(|it| it.starts_with("cookie:"));
    // If it is shorter than `expires_in`, something else has stated it.
    let is_near =
        |seconds: f64| token.life.is_some_and(|life| (life.as_secs_f64() - seconds).abs() <= NEAR);
    let has_exp = token.jwt.as_ref().is_some_and(|it| it.exp);
    match members.expires_in {
        _ if asked.life.is_some() => asked.life.clone(),
        ExpiresIn::Number(seconds) if is_near(seconds) => Some("`expires_in`".to_owned()),
        ExpiresIn::Text => Some("`expires_in`".to_owned()),
        _ if members.end.is_some() => members.end.map(|name| format!("`{name}`")),
        _ if is_cookie && answer.cookies.iter().any(|(_, states)| *states) => {
            Some("the cookie".to_owned())
        }
        _ if has_exp => Some("the claim `exp`".to_owned()),
        _ => None,
    }
}

fn scope(asked: &Asked, answer: &Answer) -> Finding {
    let wanted: BTreeSet<&str> =
        asked.scope.iter().flat_map(|it| it.split(' ')).filter(|it| !it.is_empty()).collect();
    let Some(granted) = &answer.members.scope else {
        return match wanted.is_empty() {
            true => ok("scope: none asked, none stated"),
            // RFC 6749 section 5.1: it is the one that was asked for.
            false => {
                ok(format!("scope {}, as asked (the answer does not repeat it)", list(&wanted)))
            }
        };
    };
    let shown: BTreeSet<&str> = granted
        .iter()
        .map(|word| match word {
            Word::Shown(word) => word.as_str(),
            Word::Hidden => "(not shown)",
        })
        .collect();
    let missing: BTreeSet<&str> = wanted.difference(&shown).copied().collect();
    match () {
        () if shown.is_empty() => ok("scope: the answer states an empty one"),
        () if wanted.is_empty() => ok(format!("scope {}, which was not asked for", list(&shown))),
        () if shown == wanted => ok(format!("scope {}, as asked", list(&shown))),
        () if missing.is_empty() => {
            note(format!("scope {}: more than was asked for", list(&shown)))
        }
        () => note(format!(
            "scope {}; not granted: {}. An API may answer 403",
            list(&shown),
            list(&missing)
        )),
    }
}

fn list(words: &BTreeSet<&str>) -> String {
    words.iter().copied().collect::<Vec<_>>().join(" ")
}

fn refresh_token(asked: &Asked, answer: &Answer) -> Finding {
    match (answer.members.has_refresh_token, asked.uses_refresh_tokens) {
        (true, true) => ok("a refresh token came, and is used for the next token"),
        (true, false) => {
            ok("a refresh token came; it is not used, the credentials are shown again")
        }
        (false, true) if asked.kind != Kind::Login => note(
            "no refresh token came, although they were to be used: the credentials are shown again",
        ),
        (false, _) => ok("no refresh token; the credentials are shown again"),
    }
}

fn form(jwt: Option<&Jwt>) -> Finding {
    let Some(jwt) = jwt else { return ok("opaque: it is no JWT") };
    let claims = [("iss", jwt.iss), ("aud", jwt.aud), ("exp", jwt.exp)];
    let part = |wanted: bool| {
        let names = claims.iter().filter(|(_, has)| *has == wanted).map(|(name, _)| *name);
        names.collect::<Vec<_>>().join(", ")
    };
    let text = format!("a JWT, alg {}", jwt.alg.unwrap_or("unknown"));
    let text = match (part(true), part(false)) {
        (has, lacks) if lacks.is_empty() => format!("{text}, with {has}"),
        (has, lacks) if has.is_empty() => format!("{text}, without {lacks}"),
        (has, lacks) => format!("{text}, with {has}, without {lacks}"),
    };
    match jwt.alg {
        Some("none") => wrong(format!("{text}: it has no signature, so anybody can make one")),
        _ => ok(text),
    }
}

fn second_exchange(refresh: &Refresh) -> Finding {
    let how = match refresh.used {
        Used::RefreshToken => "the refresh token works",
        Used::RefusedRefreshToken => {
            "the refresh token was refused, and the credentials were shown"
        }
        Used::Credentials => "there was no refresh token to show, so the credentials were shown",
        Used::Nothing => "nothing was sent",
    };
    match &refresh.result {
        Err(text) => wrong(format!("second exchange: {text}")),
        Ok(NewToken { is_new: false, .. }) => note(format!(
            "second exchange: {how}; the same token came, so a token that an API refuses has no successor"
        )),
        Ok(NewToken { new_refresh_token, .. }) => {
            let changes = match (refresh.used, new_refresh_token) {
                (Used::RefreshToken, true) => ", and a new refresh token",
                (Used::RefreshToken, false) => "; the refresh token stays the same",
                _ => "",
            };
            let text = format!("second exchange: {how}; a new token came{changes}");
            if refresh.used == Used::RefusedRefreshToken { note(text) } else { ok(text) }
        }
    }
}
