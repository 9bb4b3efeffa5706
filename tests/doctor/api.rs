//! What an API says about itself, and whom the doctor asks.

use crate::imitation::Imitation;
use crate::trap::Trap;
use crate::{Folder, run};

#[tokio::test]
async fn what_a_refusal_names_is_never_asked() {
    let (trap, folder) = (Trap::new().await, Folder::new());
    let headers = trap.headers();
    let server = Imitation::start(move |_| {
        let refusal = http::Response::builder().status(401);
        let refusal =
            headers.iter().fold(refusal, |refusal, (name, value)| refusal.header(*name, value));
        refusal.body("{}".to_owned()).unwrap()
    })
    .await;
    let (endpoint, secret) = (format!("{}/token", server.root), folder.secret("billing", "secret"));
    let args = ["--endpoint", &endpoint, "--client-id", "billing", "--secret", &secret];
    let outcome = run(&[&args[..], &["--api", &server.root]].concat()).await;
    assert_eq!((outcome.code, server.received().len()), (1, 1));
    trap.assert_untouched().await;
}
