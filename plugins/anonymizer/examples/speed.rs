//! How many texts of 84 characters are searched for everything in a second, on one thread.
//!
//! ```sh
//! cargo run --release -p anonymizer --example speed
//! ```
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::{Duration, Instant};

use anonymizer::PersonalData;
use steward_sdk::anonymizer::{Anonymizer, Document};
use steward_sdk::testing::Host;

const MANIFEST: &str = include_str!("../steward.toml");

/// What texts are made of: most say nothing of anybody.
const PIECES: [&str; 16] = [
    "Please let me know when the order arrives. ",
    "The update fixed the crash but the screen still flickers. ",
    "订单已经发货，预计三天后到达，请注意查收。",
    "这个功能很好用，希望以后可以支持更多的语言。",
    "My card 4012 8888 8888 1881 was charged twice. ",
    "请联系王芳，手机13912345678，谢谢。",
    "Write to ann.lee@example.org or call +1 415 555 0132. ",
    "服务器10.0.0.1从昨天开始无法连接。",
    "I would like a refund for the last invoice of this year. ",
    "地址：广东省深圳市南山区科技园路18号。",
    "Version 2.4.1 of the app is slower than 2.3.9 on my phone. ",
    "身份证11010519491231002X，请核对后回复。",
    "Meeting moved to 2024-03-15, room 204, bring the report. ",
    "感谢您的耐心等待，我们会尽快处理这个问题。",
    "See https://example.com/help?id=123 for the steps. ",
    "Thanks a lot for the quick answer, it works now. ",
];

fn main() {
    let _host = Host::from_manifest(MANIFEST).unwrap().enter();
    let batch: Vec<Document> = (0..4096)
        .map(|i| {
            let pieces = (0..4).map(|j| PIECES[(i * 7 + j * (i % 5 + 1)) % PIECES.len()]);
            Document {
                id: i.to_string(),
                text: pieces.collect::<String>().chars().take(84).collect(),
            }
        })
        .collect();
    for (title, entities) in [
        ("what is usual", None),
        ("all entities", Some(vec!["ALL".to_owned()])),
    ] {
        let mut best = Duration::MAX;
        let mut found = 0;
        for _ in 0..7 {
            let started = Instant::now();
            // The configuration is read in every call, as in the sandbox.
            let plugin = PersonalData::new().unwrap();
            let findings = plugin.detect(batch.clone(), entities.clone()).unwrap();
            best = best.min(started.elapsed());
            found = findings.iter().map(Vec::len).sum();
        }
        let rate = batch.len() as f64 / best.as_secs_f64();
        println!(
            "{title}: {rate:.0} texts/s, {found} findings in {} texts",
            batch.len()
        );
    }
}
