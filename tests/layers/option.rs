//! A layer that is there or not, as a setting says.

use tower::util::option_layer;
use tower::{Layer, ServiceBuilder};

use super::*;

/// Not over a raw client: the two sides of the `Either` must have errors of one type, and with the layer that
/// is a [`BoxError`].
#[tokio::test(start_paused = true)]
async fn it_can_be_left_out_where_the_error_below_is_boxed() {
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

/// One type, whatever the setting, over any client: and neither runtime nor secret is needed.
#[tokio::test(start_paused = true)]
async fn it_can_stay_and_be_passed_by() {
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
