//! The format of a scenario, as `tests/scenarios/README.md` documents it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::units::{Count, Moment, Range, Shift, Span};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) theme: String,
    pub(super) scenarios: Vec<Outline>,
}

/// A scenario before the values of an example are put into it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outline {
    pub(super) story: String,
    pub(super) promises: Vec<u8>,
    #[serde(default)]
    pub(super) given: Value,
    pub(super) steps: Vec<Value>,
    #[serde(default)]
    pub(super) expected: Value,
    #[serde(default)]
    pub(super) examples: Vec<Map<String, Value>>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Given {
    pub(super) scheme: SchemeName,
    pub(super) token: Option<String>,
    pub(super) lives_for: Option<Span>,
    pub(super) refresh_token: Option<String>,
    pub(super) fixed_token: Option<String>,
    pub(super) credentials: Credentials,
    pub(super) default_lifetime: Option<Span>,
    pub(super) exchange_timeout: Option<Span>,
    pub(super) wall_clock: Option<u64>,
    pub(super) uptime: Option<Span>,
    pub(super) jwts: BTreeMap<String, Jwt>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum SchemeName {
    #[default]
    ClientCredentials,
    ClientCredentialsWithRefreshTokens,
    Atlas,
    AtlasWithRefreshTokens,
    Rotating,
    RotatingWhenDue,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Credentials {
    #[default]
    Constant,
    InFiles,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Jwt {
    pub(super) claims: Map<String, Value>,
    pub(super) alg: Option<String>,
    pub(super) signed_with: Option<String>,
    pub(super) padding: Option<usize>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    #[serde(rename = "note")]
    pub(super) _note: Option<String>,
    pub(super) at: Option<Moment>,
    pub(super) after: Option<Span>,
    pub(super) request: Option<String>,
    pub(super) replayable: Option<bool>,
    pub(super) endpoint_answers: Option<Answer>,
    pub(super) endpoint_fails: Option<String>,
    pub(super) exchange: Option<usize>,
    pub(super) endpoint_from_now_on: Option<Standing>,
    pub(super) exchange_vanishes: Option<bool>,
    pub(super) api_answers: Option<ApiAnswer>,
    pub(super) suspended_for: Option<Span>,
    pub(super) wall_clock_moves: Option<Shift>,
    pub(super) credentials_change: Option<bool>,
    pub(super) operator_says: Option<Say>,
    pub(super) repeat: Option<Repeat>,
    pub(super) expect: Option<Expect>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Say {
    TryNow,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repeat {
    pub(super) every: Span,
    pub(super) times: u32,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) headers: BTreeMap<String, Texts>,
    pub(super) body: Option<Value>,
    pub(super) text: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Standing {
    pub(super) takes: Span,
    pub(super) answer: Answer,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ApiAnswer {
    pub(super) to: String,
    pub(super) status: u16,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Texts>,
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Texts::One(text) => std::slice::from_ref(text),
            Texts::Many(texts) => texts,
        }
    }
}

/// What became of one caller.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CallerExpect {
    pub(super) sends: Option<String>,
    pub(super) sends_again: Option<String>,
    pub(super) waits: Option<bool>,
    pub(super) fails: Option<Fails>,
    pub(super) gets_401: Option<String>,
    pub(super) gets: Option<u16>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fails {
    pub(super) kind: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) code: Option<String>,
    pub(super) age: Option<Range>,
    pub(super) next_try_in: Option<Range>,
}

#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expect {
    // the caller of this step, as in `CallerExpect`
    pub(super) sends: Option<String>,
    pub(super) sends_again: Option<String>,
    pub(super) waits: Option<bool>,
    pub(super) fails: Option<Fails>,
    pub(super) gets_401: Option<String>,
    pub(super) gets: Option<u16>,
    pub(super) callers: BTreeMap<String, CallerExpect>,
    // what this step caused
    pub(super) starts: Option<String>,
    pub(super) shows: Option<String>,
    pub(super) asks_again: Option<String>,
    pub(super) brings: Option<String>,
    pub(super) exchange_fails: Option<Fails>,
    pub(super) ignored: Option<bool>,
    pub(super) adopts: Option<String>,
    pub(super) does_not_adopt: Option<String>,
    // the source as it is now
    pub(super) state: Option<String>,
    pub(super) token: Option<String>,
    pub(super) expires_in: Option<Range>,
    pub(super) next_try_in: Option<Range>,
    pub(super) failures: Option<Count>,
    pub(super) failing_for: Option<Range>,
    pub(super) budget: Option<Count>,
    pub(super) under_way: Option<bool>,
    pub(super) refresh_token: Option<String>,
    pub(super) waiting: Option<Count>,
    // counted since the start
    pub(super) exchanges: Option<Count>,
    pub(super) exchanges_for: BTreeMap<String, Count>,
    pub(super) succeeded: Option<Count>,
    pub(super) failed: Option<Count>,
    pub(super) vanished: Option<Count>,
    pub(super) same_token: Option<Count>,
    pub(super) refresh_tokens_spent: Option<Count>,
    pub(super) refusals: Option<Count>,
    pub(super) refusals_over_budget: Option<Count>,
    pub(super) successors_adopted: Option<Count>,
    pub(super) successors_not_adopted: BTreeMap<String, Count>,
    pub(super) look_ups: Option<Count>,
    pub(super) requests_failed: Option<Count>,
    pub(super) requests_given_401: Option<Count>,
}

impl PartialEq for CallerExpect {
    fn eq(&self, _: &CallerExpect) -> bool {
        false // only "no callers" is ever compared
    }
}

impl PartialEq for Fails {
    fn eq(&self, _: &Fails) -> bool {
        false
    }
}

impl Expect {
    pub(super) fn is_empty(&self) -> bool {
        *self == Expect::default()
    }
}

/// Puts the values of an example where `$name` stands: as they are where that is the whole text, else
/// as text.
pub(super) fn filled_in(template: &Value, example: &Map<String, Value>) -> Value {
    match template {
        Value::String(text) => {
            if let Some(value) = text.strip_prefix('$').and_then(|name| example.get(name)) {
                return value.clone();
            }
            let put = |text: String, (name, value): (&String, &Value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.replace(&format!("${name}"), &value)
            };
            Value::String(example.iter().fold(text.clone(), put))
        }
        Value::Array(values) => values.iter().map(|value| filled_in(value, example)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| {
                let name = Value::String(name.clone());
                let name = filled_in(&name, example);
                (name.as_str().unwrap_or_default().to_owned(), filled_in(value, example))
            });
            // A member of which an example says `null` is left out.
            Value::Object(members.filter(|(_, value)| !value.is_null()).collect())
        }
        other => other.clone(),
    }
}
