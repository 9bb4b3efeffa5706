//! What the numbers of Microsoft Entra mean, of those that a client with a wrong set-up gets. Others are shown as numbers only.

/// The meaning of a number in `error_codes`, and what to do.
pub(crate) fn meaning(number: u32) -> Option<&'static str> {
    Some(match number {
        7_000_215 => "the secret is wrong: give the value of the secret, and not its id",
        700_016 => {
            "the tenant does not know this app: check the client id and the tenant, and whether the app is installed there"
        }
        90_002 => {
            "there is no such tenant: check its id or its domain, and the authority of its cloud"
        }
        700_024 => {
            "the assertion has expired or is not valid yet: check the clock of this machine, and the program that writes the \
             assertion"
        }
        700_027 => {
            "no certificate that is registered for this app has signed the assertion: register the certificate at Entra"
        }
        _ => return None,
    })
}

/// The first known number of these, in words. Entra's documentation calls them by the prefix `AADSTS`.
pub(crate) fn in_words(numbers: &[u32]) -> Option<String> {
    let mut known = numbers.iter().filter_map(|number| Some((number, meaning(*number)?)));
    known.next().map(|(number, meaning)| format!("Entra refuses with AADSTS{number}: {meaning}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_number_is_said_in_words_and_an_unknown_one_is_not() {
        let said = in_words(&[50_034, 90_002, 700_016]).unwrap();
        assert!(
            said.starts_with("Entra refuses with AADSTS90002: there is no such tenant"),
            "{said}"
        );
        assert_eq!((in_words(&[50_034]), in_words(&[])), (None, None));
    }
}
