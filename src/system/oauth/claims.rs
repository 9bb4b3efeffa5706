//! The parameter `claims` of a token request (OpenID Connect Core 1.0 section 5.5).

use serde_json::map::Entry;
use serde_json::{Map, Value};

use crate::error::Error;

/// The claims that an API demands, together with those that are always sent.
pub(crate) fn with_demand(always: Option<&str>, demand: String) -> String {
    let object = |json: &str| serde_json::from_str::<Map<String, Value>>(json).ok();
    match always.and_then(object).zip(object(&demand)) {
        Some((mut both, demanded)) => {
            merge(&mut both, demanded);
            Value::Object(both).to_string()
        }
        None => demand,
    }
}

/// Objects are merged. Of other values, the demanded one counts.
fn merge(into: &mut Map<String, Value>, demanded: Map<String, Value>) {
    for (name, value) in demanded {
        match (into.entry(name), value) {
            (Entry::Occupied(mut old), Value::Object(new)) if old.get().is_object() => {
                if let Value::Object(old) = old.get_mut() {
                    merge(old, new);
                }
            }
            (Entry::Occupied(mut old), new) => drop(old.insert(new)),
            (Entry::Vacant(place), new) => drop(place.insert(new)),
        }
    }
}

/// # Errors
///
/// If it is no JSON object.
pub(crate) fn check_claims(json: &str) -> Result<(), Error> {
    match serde_json::from_str::<Map<String, Value>>(json) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::configuration(
            "`claims_challenges` and the parameter `claims` do not fit together: it is no JSON object (OpenID Connect Core \
             1.0 section 5.5)",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demanded_claims_are_merged_into_those_that_are_always_sent() {
        let capability = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;
        let demand = r#"{"access_token":{"acrs":{"essential":true,"value":"cp1"}}}"#;
        for (always, demand, both) in [
            // From Microsoft's page on claims challenges.
            (
                Some(capability),
                demand,
                r#"{"access_token":{"acrs":{"essential":true,"value":"cp1"},"xms_cc":{"values":["CP1"]}}}"#,
            ),
            (None, demand, demand),
            (Some("no object"), demand, demand),
            (
                Some(r#"{"a":1,"b":{"c":null}}"#),
                r#"{"a":2,"b":{"d":3}}"#,
                r#"{"a":2,"b":{"c":null,"d":3}}"#,
            ),
            (Some(r#"{"a":{"b":1}}"#), r#"{"a":null}"#, r#"{"a":null}"#),
            (Some(r#"{"a":null}"#), r#"{"a":{"b":1}}"#, r#"{"a":{"b":1}}"#),
        ] {
            assert_eq!(with_demand(always, demand.to_owned()), both);
        }
    }

    #[test]
    fn claims_that_are_no_object_cannot_be_merged() {
        assert!(check_claims("{}").is_ok());
        for json in ["", "[]", "{", "1"] {
            assert!(check_claims(json).is_err(), "{json}");
        }
    }
}
