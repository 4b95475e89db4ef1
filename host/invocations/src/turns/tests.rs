//! Turns, one event after the other: who gets the next one is never left to chance.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;

thread_local! {
    static NOW: std::cell::Cell<Option<std::time::Instant>> = const { std::cell::Cell::new(None) };
}

/// The time of the test's thread: it stands still but for [`pass`].
pub(super) fn clock() -> std::time::Instant {
    NOW.with(|now| match now.get() {
        Some(time) => time,
        None => {
            let time = std::time::Instant::now();
            now.set(Some(time));
            time
        }
    })
}

fn pass(seconds: u64) {
    let now = clock() + Duration::from_secs(seconds);
    NOW.with(|time| time.set(Some(now)));
}

/// A call that has asked for its turn.
struct Call {
    name: &'static str,
    turn: Pin<Box<dyn Future<Output = Result<Turn, Busy>>>>,
}

fn ask(name: &'static str, function: &FunctionTurns) -> Call {
    let function = function.clone();
    let mut turn: Pin<Box<dyn Future<Output = _>>> = Box::pin(async move { function.take().await });
    // The first look enters the queue.
    assert!(poll(&mut turn).is_none(), "{name} has not to wait");
    Call { name, turn }
}

fn poll<T>(future: &mut Pin<Box<dyn Future<Output = T>>>) -> Option<T> {
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Takes a turn that is free.
fn now(function: &FunctionTurns) -> Turn {
    let function = function.clone();
    let mut turn: Pin<Box<dyn Future<Output = _>>> = Box::pin(async move { function.take().await });
    poll(&mut turn).unwrap().unwrap()
}

/// Ends a call and names the one that runs instead of it, with its turn.
fn next(ended: Turn, calls: &mut Vec<Call>) -> (&'static str, Turn) {
    drop(ended);
    for at in 0..calls.len() {
        if let Some(turn) = poll(&mut calls[at].turn) {
            let call = calls.remove(at);
            return (call.name, turn.unwrap());
        }
    }
    panic!("nobody got the turn");
}

fn order(mut ended: Turn, mut calls: Vec<Call>) -> Vec<&'static str> {
    let mut order = Vec::new();
    while !calls.is_empty() {
        let (name, turn) = next(ended, &mut calls);
        order.push(name);
        ended = turn;
    }
    order
}

#[test]
fn a_flood_of_one_tenant_delays_another_by_one_turn() {
    let turns = Turns::new(1, |_| 100);
    let (noisy, quiet) = (turns.function("noisy", "f"), turns.function("quiet", "f"));
    let running = now(&noisy);
    let mut calls: Vec<_> = (0..50).map(|_| ask("noisy", &noisy)).collect();
    calls.push(ask("quiet", &quiet));
    let order = order(running, calls);
    // The flood was there first and is ahead by one, not by fifty.
    assert_eq!(order[..3], ["noisy", "quiet", "noisy"]);
    assert_eq!((order.len(), turns.running()), (51, 0));
}

#[test]
fn three_tenants_take_turns_whatever_they_ask() {
    let turns = Turns::new(1, |_| 100);
    let functions = ["a", "b", "c"].map(|tenant| turns.function(tenant, "f"));
    let running = now(&functions[0]);
    let mut calls = Vec::new();
    for (name, function, count) in [
        ("a", &functions[0], 6),
        ("b", &functions[1], 3),
        ("c", &functions[2], 1),
    ] {
        calls.extend((0..count).map(|_| ask(name, function)));
    }
    assert_eq!(
        order(running, calls).concat(),
        "abcababaaa",
        "in a circle, as long as each has somebody waiting"
    );
}

#[test]
fn functions_of_a_tenant_take_turns_and_share_its_part() {
    let turns = Turns::new(1, |_| 100);
    let [x, y] = ["x", "y"].map(|function| turns.function("a", function));
    let other = turns.function("b", "z");
    let running = now(&x);
    let mut calls: Vec<_> = (0..4).map(|_| ask("x", &x)).collect();
    calls.push(ask("y", &y));
    calls.extend((0..3).map(|_| ask("z", &other)));
    // Two functions give a tenant no more turns than one.
    assert_eq!(order(running, calls).concat(), "xzyzxzxx");
}

#[test]
fn a_function_at_its_limit_holds_no_other_back() {
    let turns = Turns::new(10, |_| 100);
    let [full, free] = ["full", "free"].map(|function| turns.function("a", function));
    full.set_limits(1, 10);
    let running = now(&full);
    let _waits = ask("full", &full);
    // Nine more turns of the host are there for the others.
    let others: Vec<_> = (0..9).map(|_| now(&free)).collect();
    assert_eq!((turns.running(), turns.waiting()), (10, 1));
    drop((running, others));
}

#[test]
fn a_tenant_at_its_limit_holds_no_other_back() {
    let turns = Turns::new(10, |tenant| if tenant == "small" { 2 } else { 100 });
    let [f, g] = ["f", "g"].map(|function| turns.function("small", function));
    let large = turns.function("large", "f");
    let (first, _second) = (now(&f), now(&g));
    let waits = ask("small", &g);
    let _others: Vec<_> = (0..8).map(|_| now(&large)).collect();
    // And what comes free within the tenant goes to the function that waits, whichever ended.
    assert_eq!(next(first, &mut vec![waits]).0, "small");
}

#[test]
fn who_goes_away_gives_up_the_place_and_the_turn() {
    let turns = Turns::new(1, |_| 100);
    let function = turns.function("a", "f");
    function.set_limits(1, 2);
    let running = now(&function);
    let (gone, stays) = (ask("gone", &function), ask("stays", &function));
    drop(gone);
    // The place in the queue is free again,
    let late = ask("late", &function);
    // and the turn goes to those that are left.
    assert_eq!(order(running, vec![stays, late]), ["stays", "late"]);
    // A turn that arrives at nobody comes back.
    let running = now(&function);
    let waits = ask("waits", &function);
    drop(running);
    drop(waits);
    assert_eq!(turns.running(), 0);
    drop(now(&function));
}

#[test]
fn limits_can_grow_while_calls_wait() {
    let turns = Turns::new(10, |_| 100);
    let function = turns.function("a", "f");
    function.set_limits(1, 10);
    let _running = now(&function);
    let mut calls = [ask("1", &function), ask("2", &function)];
    function.set_limits(3, 10);
    assert!(calls.iter_mut().all(|call| poll(&mut call.turn).is_some()));
}

#[test]
fn revisions_of_a_function_share_its_turns_and_leave_nothing_behind() {
    let turns = Turns::new(10, |_| 100);
    let (old, new) = (turns.function("a", "f"), turns.function("a", "f"));
    old.set_limits(1, 0);
    let running = now(&old);
    assert!(matches!(new.try_take(true), Err(Busy { .. })));
    drop((old, new, running));
    let state = turns.0.state.lock();
    assert!(state.functions.is_empty() && state.tenants.is_empty());
}

#[tokio::test]
async fn the_time_to_come_back_is_what_the_queue_takes() {
    let turns = Turns::new(1, |_| 100);
    let function = turns.function("a", "f");
    function.set_limits(1, 4);
    let mut running = now(&function);
    let mut calls: Vec<_> = (0..4).map(|_| ask("call", &function)).collect();
    for _ in 0..4 {
        pass(3);
        let (_, turn) = next(running, &mut calls);
        running = turn;
        calls.push(ask("call", &function));
    }
    // Four wait, and a turn comes every three seconds.
    let Err(busy) = function.take().await else {
        panic!("the queue is full");
    };
    assert_eq!(busy.retry_after, Duration::from_secs(12));
    // Nothing has moved for longer than that: it will not go faster from here.
    pass(5);
    let Err(busy) = function.take().await else {
        panic!("the queue is full");
    };
    assert_eq!(busy.retry_after, Duration::from_secs(20));
    // It is bounded both ways.
    pass(600);
    assert_eq!(
        function.take().await.unwrap_err().retry_after,
        Duration::from_secs(60)
    );
}

#[tokio::test]
async fn the_host_is_idle_when_the_last_call_has_ended() {
    let turns = Turns::new(2, |_| 100);
    let function = turns.function("a", "f");
    turns.idle().await;
    let (first, second) = (now(&function), now(&function));
    let waiting = tokio::spawn({
        let turns = turns.clone();
        async move { turns.idle().await }
    });
    tokio::task::yield_now().await;
    drop(first);
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(second);
    waiting.await.unwrap();
}
