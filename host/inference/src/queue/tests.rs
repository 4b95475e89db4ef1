//! The order of the queue, its room, and who leaves it.

use proptest::prelude::*;

use super::*;
use crate::batch::MAX_ROWS;
use crate::device::Device;

const MAX_WAITING: usize = Row::MAX_WAITING;

fn rows(lengths: &[usize]) -> std::vec::IntoIter<(usize, Row)> {
    let row = |(position, &length): (usize, &usize)| {
        let row = Row {
            ids: vec![1; length],
            types: vec![0; length],
        };
        (position, row)
    };
    lengths
        .iter()
        .enumerate()
        .map(row)
        .collect::<Vec<_>>()
        .into_iter()
}

fn queue(masked: bool, delay: Duration) -> Queue {
    let batching = Batching {
        masked,
        delay,
        ..Batching::on(Device::Cpu)
    };
    Queue::new(batching, Arc::new(Stats::new("m".into())))
}

fn lengths(batch: &[Waiting]) -> Vec<usize> {
    batch.iter().map(|waiting| waiting.work.size()).collect()
}

#[test]
fn rows_of_a_length_go_together() {
    let queue = queue(true, Duration::ZERO);
    let anna = Caller::interactive("a");
    let _call = queue.submit(&anna, rows(&[50, 5, 48, 6, 52, 5])).unwrap();
    assert_eq!(lengths(&queue.take().unwrap()), [48, 50, 52]);
    assert_eq!(lengths(&queue.take().unwrap()), [5, 5, 6]);
}

#[test]
fn without_a_mask_only_equals_go_together() {
    let queue = queue(false, Duration::ZERO);
    let _call = queue
        .submit(&Caller::interactive("a"), rows(&[5, 6, 5]))
        .unwrap();
    assert_eq!(lengths(&queue.take().unwrap()), [5, 5]);
    assert_eq!(lengths(&queue.take().unwrap()), [6]);
}

#[test]
fn a_job_does_not_keep_others_waiting() {
    let queue = queue(true, Duration::ZERO);
    let _job = queue.submit(&Caller::bulk("b"), rows(&[40; 1000])).unwrap();
    // The job is being served when somebody comes.
    queue.take().unwrap();
    let _call = queue
        .submit(&Caller::interactive("a"), rows(&[300]))
        .unwrap();
    let batches = (0..).take_while(|_| !lengths(&queue.take().unwrap()).contains(&300));
    assert!(batches.count() <= 1);
}

#[test]
fn a_call_that_is_given_up_leaves() {
    let queue = queue(true, Duration::ZERO);
    let anna = Caller::interactive("a");
    let given_up = queue.submit(&anna, rows(&[5; 10])).unwrap();
    let _other = queue.submit(&anna, rows(&[7])).unwrap();
    drop(given_up);
    assert_eq!(lengths(&queue.take().unwrap()), [7]);
    queue.close();
    assert!(queue.take().is_none());
}

#[tokio::test]
async fn who_is_late_is_told_and_not_computed() {
    let queue = queue(true, Duration::ZERO);
    let anna = Caller::interactive("a");
    let _first = queue.submit(&anna, rows(&[5])).unwrap();
    let late = anna.clone().until(Instant::now());
    let mut call = queue.submit(&late, rows(&[5, 6])).unwrap();
    let _other = queue.submit(&Caller::interactive("b"), rows(&[7])).unwrap();
    // Neither as the next nor as the company of another.
    assert_eq!(lengths(&queue.take().unwrap()), [5, 7]);
    let (_, answer) = call.next().await.unwrap();
    assert!(matches!(answer, Err(InferenceError::Late)));
    drop(call);
    assert_eq!(queue.0.stats.read().late, 1);
}

#[tokio::test]
async fn a_deadline_passes_while_nobody_takes_anything() {
    let queue = queue(true, Duration::ZERO);
    let deadline = Instant::now() + Duration::from_secs(1);
    let anna = Caller::interactive("a").until(deadline);
    let mut call = queue.submit(&anna, rows(&[5, 50])).unwrap();
    let begun = queue.take().unwrap();
    assert_eq!(lengths(&begun), [5]);
    let (position, answer) = call.next().await.unwrap();
    assert!(position == 1 && matches!(answer, Err(InferenceError::Late)));
    assert_eq!(queue.waiting(), 0);
    // What was begun in time is answered.
    for waiting in begun {
        waiting.answer(Ok(vec![1.0]));
    }
    assert!(matches!(call.next().await, Some((0, Ok(_)))));
    assert!(call.next().await.is_none());
}

#[test]
fn there_is_room_for_so_many_and_some_of_it_not_for_bulk() {
    let queue = queue(true, Duration::ZERO);
    let (job, anna) = (Caller::bulk("b"), Caller::interactive("a"));
    let _first = queue.submit(&job, rows(&[5; MAX_WAITING / 2])).unwrap();
    assert!(matches!(
        queue.submit(&job, rows(&[5])),
        Err(InferenceError::Overloaded { .. })
    ));
    let call = queue.submit(&anna, rows(&[5; MAX_WAITING / 2])).unwrap();
    assert!(matches!(
        queue.submit(&anna, rows(&[5])),
        Err(InferenceError::Overloaded { .. })
    ));
    drop(call);
    let _call = queue.submit(&anna, rows(&[5])).unwrap();
    let stats = queue.0.stats.read();
    assert_eq!((stats.refused, stats.cancelled), (2, 1));
}

#[test]
fn one_tenant_leaves_room_for_another() {
    let queue = queue(true, Duration::ZERO);
    let (anna, ben) = (Caller::interactive("a"), Caller::interactive("乙"));
    let most = queue
        .submit(&anna, rows(&[5; MAX_WAITING / 4 * 3]))
        .unwrap();
    assert!(matches!(
        queue.submit(&anna, rows(&[5])),
        Err(InferenceError::Overloaded { .. })
    ));
    let _call = queue.submit(&ben, rows(&[5; 100])).unwrap();
    drop(most);
    let _call = queue.submit(&anna, rows(&[5])).unwrap();
    assert_eq!(queue.0.state.lock().tenants.len(), 2);
}

#[test]
fn there_is_room_for_so_much_by_size() {
    let queue = queue(true, Duration::ZERO);
    let anna = Caller::interactive("a");
    let long = Row::MAX_SIZE as usize / 1024;
    let _first = queue.submit(&anna, rows(&vec![long; 1024])).unwrap();
    assert!(matches!(
        queue.submit(&anna, rows(&[5])),
        Err(InferenceError::Overloaded { .. })
    ));
    queue.take().unwrap();
    // There is room again, of which the tenant that has most of it gets none.
    let _call = queue
        .submit(&Caller::interactive("乙"), rows(&[5]))
        .unwrap();
}

#[test]
fn who_is_turned_away_learns_when_to_come_again() {
    let queue = queue(true, Duration::ZERO);
    let anna = Caller::interactive("a");
    let _first = queue.submit(&anna, rows(&[10; MAX_WAITING])).unwrap();
    let batch = queue.take().unwrap();
    // 16,384 rows of 10 tokens at 5,000 tokens a second, and one runner.
    queue.computed(5000, Duration::from_secs(1));
    queue.0.state.lock().busy = 1;
    let ben = Caller::interactive("b");
    let _held = queue.submit(&ben, rows(&vec![10; batch.len()])).unwrap();
    let refused = queue.submit(&anna, rows(&[10])).err().unwrap();
    let InferenceError::Overloaded { retry_after } = refused else {
        panic!("{refused}");
    };
    assert!(
        (32..=34).contains(&retry_after.as_secs()),
        "{retry_after:?}"
    );
    drop(batch);
}

#[test]
fn a_row_waits_for_company_only_as_long_as_it_may() {
    let delay = Duration::from_millis(20);
    let queue = queue(true, delay);
    let anna = Caller::interactive("a");
    let start = Instant::now();
    let _call = queue.submit(&anna, rows(&[5])).unwrap();
    assert_eq!(queue.take().unwrap().len(), 1);
    assert!(start.elapsed() >= delay);
    // A full batch waits for nobody.
    let _calls = queue.submit(&anna, rows(&[5; MAX_ROWS])).unwrap();
    assert_eq!(queue.0.state.lock().company(delay), Duration::ZERO);
}

proptest! {
    #[test]
    fn every_row_is_served_once_and_no_batch_is_too_large(
        calls in prop::collection::vec((0..3u8, any::<bool>(), prop::collection::vec(1usize..600, 1..40)), 1..12),
        masked in any::<bool>(),
    ) {
        let (queue, cpu) = (queue(masked, Duration::ZERO), Batching::on(Device::Cpu));
        let mut expected = Vec::new();
        let calls: Vec<_> = calls.iter().map(|(tenant, bulk, lengths)| {
            expected.extend_from_slice(lengths);
            let caller = Caller { bulk: *bulk, ..Caller::interactive(tenant.to_string()) };
            queue.submit(&caller, rows(lengths)).unwrap()
        }).collect();
        queue.close();
        let mut served = Vec::new();
        while let Some(batch) = queue.take() {
            let lengths = lengths(&batch);
            let width = lengths.iter().copied().max().unwrap();
            prop_assert!(lengths.len() <= MAX_ROWS && (lengths.len() == 1 || lengths.len() * width <= cpu.most_cells));
            prop_assert!(masked || lengths.iter().all(|&length| length == width));
            let padding = lengths.len() * width - lengths.iter().sum::<usize>();
            prop_assert!(padding <= lengths.len() * cpu.run_cells);
            served.extend(lengths);
        }
        served.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(served, expected);
        drop(calls);
    }
}
