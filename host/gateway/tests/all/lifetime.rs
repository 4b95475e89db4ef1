//! The end of a server.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::guest;
use crate::host::{Answer, Host};

/// Requests in work, the one that asks left out.
async fn running(host: &Host) -> i64 {
    let Value::String(text) = Answer::of(host.ask(Method::GET, "/metrics")).await.is(200) else {
        panic!("not a text")
    };
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix("steward_http_requests_running "))
        .unwrap();
    line.parse::<i64>().unwrap() - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_runs_is_finished_before_the_end() {
    let mut host = Host::start().await;
    let (mut calls, begin) = (0_u64, Instant::now());
    // One that is over before anybody has looked is followed by another.
    let call = 'seen: loop {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "no call was seen running"
        );
        let request = host
            .operator(Method::POST, "/f/default/echo")
            .json(&guest::batch(guest::SLOW));
        let call = tokio::spawn(Answer::of(request));
        calls += 1;
        while !call.is_finished() {
            if running(&host).await > 0 {
                break 'seen call;
            }
        }
        call.await.unwrap().is(200);
    };
    host.stop();
    let begin = Instant::now();
    while TcpStream::connect(host.addr).await.is_ok() {
        assert!(
            begin.elapsed() < Duration::from_secs(20),
            "connections are still taken"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let answer = call.await.unwrap();
    assert_eq!(answer.is(200), json!(["kept"]));
    let registry = host.registry.clone();
    host.stopped().await;
    let usage = registry
        .usage(&"default".parse().unwrap(), 0)
        .await
        .unwrap();
    assert_eq!(
        usage.iter().map(|u| u.calls).sum::<u64>(),
        calls,
        "the metering was written"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_ends_at_once() {
    let mut host = Host::start().await;
    Answer::of(host.ask(Method::GET, "/readyz")).await.is(200);
    let begin = Instant::now();
    host.stop();
    host.stopped().await;
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "an idle connection was waited for"
    );
}
