//! A layer that a setting switches on or off.

use tower::util::option_layer;
use tower::{Layer, ServiceBuilder};

use super::*;

/// This does not work over a bare client: both sides of the `Either` need the same error type, and the
/// layer's is [`BoxError`].
#[tokio::test(start_paused = true)]
async fn the_layer_can_be_left_out_if_the_error_below_is_boxed() {
    for there in [true, false] {
        let world = world();
        let mut client = stack(
            ServiceBuilder::new()
                .layer(option_layer(there.then(|| world.layer.clone())))
                .map_err(BoxError::from)
                .service(world.api.clone()), // its error is `Infallible`
        );
        let answer = call(&mut client, get("/")).await.unwrap();
        assert_eq!(answer.status() == 200, there);
        let token = if there { "token-1" } else { "none" };
        assert_eq!(world.api.tokens(), [token]);
    }
}

/// The type is the same for any setting and any client. Switched off, the layer needs neither
/// runtime nor secret.
#[tokio::test(start_paused = true)]
async fn the_layer_can_stay_with_all_requests_exempt() {
    for off in [true, false] {
        let world = world();
        let layer = world.layer.clone().with_exempt_if(move |_| off);
        let mut client = stack(layer.layer(world.api.clone()));
        call(&mut client, get("/")).await.unwrap();
        let foreign = Request::get("https://elsewhere.test/").body(Body::default()).unwrap();
        assert_eq!(call(&mut client, foreign).await.is_ok(), off);
        let tokens = world.api.tokens();
        assert_eq!(tokens, if off { vec!["none", "none"] } else { vec!["token-1"] });
        assert_eq!(world.exchange.exchanges(), usize::from(!off));
    }
}
