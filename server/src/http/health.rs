//! `/live`, `/ready` and `/metrics`: what a supervisor, a proxy and Prometheus ask. Alive is
//! whoever answers.

use actix_web::http::StatusCode;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};

use crate::metrics;
use crate::state::Relay;

pub(crate) async fn live() -> HttpResponse {
    say(StatusCode::OK, "alive")
}

pub(crate) async fn ready(relay: web::Data<Relay>) -> HttpResponse {
    if relay.is_ready().await {
        return say(StatusCode::OK, "ready");
    }
    say(StatusCode::SERVICE_UNAVAILABLE, "not ready")
}

pub(crate) async fn metrics(relay: web::Data<Relay>) -> HttpResponse {
    let text = relay.metrics.text(relay.levels().await);
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type(metrics::CONTENT_TYPE)
        .body(text)
}

fn say(status: StatusCode, word: &'static str) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("text/plain; charset=utf-8")
        .body(word)
}
