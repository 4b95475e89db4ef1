//! How fast texts are cleaned and hashed natively, in MB/s of one core.

use std::hint::black_box;
use std::time::{Duration, Instant};

use text_cleaner::duplicates::Hasher;
use text_cleaner::pipeline;
use text_cleaner::settings::{Sameness, Settings};

const TEXTS: [(&str, &str); 8] = [
    (
        "English, clean",
        "Hello, I ordered a blue kettle on 3 May and it still has not arrived. Could you check what happened?",
    ),
    (
        "Chinese, clean",
        "您好，我五月三日订购了一个蓝色水壶，到现在还没有收到。请帮我查一下是什么情况，谢谢！订单号是4711。",
    ),
    (
        "French, clean",
        "Bonjour, j’ai commandé une théière bleue le 3 mai et je ne l’ai toujours pas reçue. Où est-elle passée ?",
    ),
    (
        "Chinese, full-width",
        "您好，我订购了　ＡＢＣ１２３４　型号的水壶，到现在还没有收到。。。。。。请帮我查一下！！！！！！",
    ),
    (
        "English, white space",
        "  Hello,  I ordered a kettle \t and it still has not   arrived. \r\n\r\n\r\nCould you check?  ",
    ),
    (
        "HTML",
        "<div class=\"message\"><p>Hello,&nbsp;I ordered a <b>kettle</b>.</p><p>您好&amp;谢谢<br/>再见</p></div>",
    ),
    (
        "emoji and joiners",
        "谢谢👨\u{200D}👩\u{200D}👧 ❤\u{FE0F}❤\u{FE0F} 很好👍🏽 می\u{200C}خواهم",
    ),
    (
        "HTML, escaped twice",
        "&amp;lt;p&amp;gt;您好，Hello there&amp;lt;/p&amp;gt;",
    ),
];

fn main() {
    let settings = Settings::default();
    println!("{:<24}{:>12}{:>12}", "MB/s", "clean", "hash");
    for (name, text) in TEXTS {
        // A message of about one kilobyte.
        let text = [text].repeat(1_000 / text.len() + 1).join(" ");
        let mut hasher = Hasher::new(Sameness::Normalised);
        let clean = speed(text.len(), || {
            black_box(pipeline::clean(black_box(&text), &settings));
        });
        let hash = speed(text.len(), || {
            black_box(hasher.hash(black_box(&text)));
        });
        println!("{name:<24}{clean:>12.0}{hash:>12.0}");
    }
}

/// Runs `work` for half a second, three times, and answers the best speed.
fn speed(bytes: usize, mut work: impl FnMut()) -> f64 {
    let run = |work: &mut dyn FnMut()| {
        let begun = Instant::now();
        let mut rounds = 0;
        while begun.elapsed() < Duration::from_millis(500) {
            for _ in 0..64 {
                work();
            }
            rounds += 64;
        }
        (bytes * rounds) as f64 / begun.elapsed().as_secs_f64() / 1e6
    };
    (0..3).map(|_| run(&mut work)).fold(0.0, f64::max)
}
