//! Values that cannot be credentials.

use super::*;

#[test]
fn a_control_character_is_an_error_and_the_last_good_value_stays() {
    let text = Arc::new(Mutex::new("good"));
    let read = text.clone();
    let credential = Credential::from_fn(move || {
        let text = read.lock().map(|text| *text);
        Ok(Secret::from(text.unwrap_or_default()))
    });
    credential.reload().unwrap();
    for bad in ["b\tad", "bad\n\n", "\0bad"] {
        *text.lock().unwrap() = bad;
        let error = credential.reload().unwrap_err();
        assert_eq!(error.kind, CredentialErrorKind::Unusable);
        assert!(error.to_string().contains("control character"), "{error}");
        assert_eq!(credential.current().unwrap().expose(), "good");
    }
}
