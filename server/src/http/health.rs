//! `/live`, `/ready` and `/metrics`: what a supervisor, a proxy and Prometheus ask. Alive is
//! whoever answers.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use crate::health::Health;
use crate::metrics::{CONTENT_TYPE, Levels};
use crate::process::Process;
use crate::state::Relay;

pub(crate) async fn live() -> HttpResponse {
    say(StatusCode::OK, "alive")
}

pub(crate) async fn ready(health: web::Data<Health>) -> HttpResponse {
    if health.is_ready().await {
        return say(StatusCode::OK, "ready");
    }
    say(StatusCode::SERVICE_UNAVAILABLE, "not ready")
}

pub(crate) async fn metrics(relay: web::Data<Relay>, health: web::Data<Health>) -> HttpResponse {
    let text = relay.metrics().text(levels(&relay, &health).await);
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(CONTENT_TYPE)
        .body(text)
}

async fn levels(relay: &Relay, health: &Health) -> Levels {
    let mut levels = relay.store().levels().await.unwrap_or_default();
    levels.is_ready = health.is_ready().await;
    levels.connections = relay.admission().open_connections();
    levels.followed_pairs = relay.rates().followed_pairs();
    // On a thread that may wait for the system.
    levels.process = web::block(Process::look).await.unwrap_or_default();
    levels
}

fn say(status: StatusCode, word: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/plain; charset=utf-8")
        .body(word)
}
