//! Forwards its request to the URL in `x-url` over `wasi:http` 0.3, and answers what came back, both bodies as streams.

use wasip3::http::client;
use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::wit_future;

wasip3::http::service::export!(Forwards);

struct Forwards;

impl wasip3::exports::http::handler::Guest for Forwards {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let url = request.get_headers().get("x-url").into_iter().next();
        let url = url.and_then(|url| String::from_utf8(url).ok()).unwrap_or_default();
        let (scheme, rest) = url.split_once("://").ok_or(ErrorCode::HttpRequestUriInvalid)?;
        let scheme = match scheme {
            "https" => Scheme::Https,
            _ => Scheme::Http,
        };
        let at = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let method = request.get_method();
        let (done, processed) = wit_future::new(|| Ok(()));
        let (body, trailers) = Request::consume_body(request, processed);
        drop(done);
        let (out, _sent) = Request::new(Fields::new(), Some(body), trailers, None);
        let set = out
            .set_method(&method)
            .and_then(|()| out.set_scheme(Some(&scheme)))
            .and_then(|()| out.set_authority(Some(authority)))
            .and_then(|()| out.set_path_with_query(Some(path)));
        set.map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
        client::send(out).await
    }
}
