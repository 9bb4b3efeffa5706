//! Members of a token endpoint's answer that the caller wants to read beside the token.

use std::fmt;
use std::sync::Arc;

use crate::secret::Secret;

/// The most members.
const MOST: usize = 16;
/// The longest that they may be together: names and values, in bytes.
const LONGEST: usize = 4 * 1024;

/// Members of an answer, with their names. Without one, this allocates nothing. `Debug` shows the names only.
#[derive(Clone, Default)]
pub(crate) struct Extra(Option<Arc<Vec<(String, Secret)>>>);

impl Extra {
    /// Adds a member, in place of one of the same name. It is left out if there is no room for it.
    pub(crate) fn set(&mut self, name: String, value: Secret) {
        let members = Arc::make_mut(self.0.get_or_insert_default());
        members.retain(|(its_name, _)| *its_name != name);
        let length = |(name, value): &(String, Secret)| name.len() + value.expose().len();
        let member = (name, value);
        let all: usize = members.iter().map(length).sum();
        if members.len() < MOST && all + length(&member) <= LONGEST {
            members.push(member);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut members = self.0.iter().flat_map(|members| members.iter());
        members.find(|(its_name, _)| its_name == name).map(|(_, value)| value.expose())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.as_ref().is_none_or(|members| members.is_empty())
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.0.iter().flat_map(|members| members.iter());
        f.debug_list().entries(members.map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extra(members: &[(&str, usize)]) -> Extra {
        let mut extra = Extra::default();
        for (name, length) in members {
            extra.set((*name).to_owned(), Secret::from("x".repeat(*length)));
        }
        extra
    }

    #[test]
    fn a_member_for_which_there_is_no_room_is_left_out_and_the_others_stay() {
        let extra = extra(&[("a", 4_000), ("b", 95), ("c", 94), ("d", 0)]);
        let lengths = ["a", "b", "c", "d"].map(|name| extra.get(name).map(str::len));
        assert_eq!(lengths, [Some(4_000), None, Some(94), None]);
    }

    #[test]
    fn the_seventeenth_member_is_left_out() {
        let mut extra = Extra::default();
        for number in 0..17 {
            extra.set(number.to_string(), Secret::from("x"));
        }
        assert_eq!((extra.get("15"), extra.get("16")), (Some("x"), None));
    }

    #[test]
    fn a_second_member_of_a_name_replaces_the_first_one_and_debug_shows_names_only() {
        let extra = extra(&[("a", 4_000), ("a", 3)]);
        assert_eq!(extra.get("a"), Some("xxx"));
        assert_eq!(format!("{extra:?}"), r#"["a"]"#);
        assert!(!extra.is_empty() && Extra::default().is_empty());
    }
}
