//! How fast texts are cleaned, judged and hashed natively, in MB/s of the time of one core.

use std::hint::black_box;
use std::time::{Duration, Instant};

use text_cleaner::chinese::{Conversion, convert};
use text_cleaner::duplicates::Hasher;
use text_cleaner::minhash::MinHash;
use text_cleaner::pipeline;
use text_cleaner::quality::detect;
use text_cleaner::settings::{Sameness, Settings, SettingsError};
use text_cleaner::words::Words;

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
    more();
}

/// The rules that are off by default, each on English and Chinese prose.
fn more() {
    let prose =
        [TEXTS[0].1, TEXTS[1].1].map(|text| [text].repeat(1_000 / text.len() + 1).join("\n"));
    println!("\n{:<24}{:>12}{:>12}", "MB/s", "English", "Chinese");
    let row = |name: &str, work: &mut dyn FnMut(&str)| {
        let [english, chinese] =
            [&prose[0], &prose[1]].map(|text| speed(text.len(), || work(black_box(text))));
        println!("{name:<24}{english:>12.0}{chinese:>12.0}");
    };
    for (key, value) in [
        ("also", "mojibake"),
        ("also", "mail-headers, mail-quotes, signatures"),
        ("also", "markdown"),
        ("also", "c4-lines"),
        ("also", "repeated-sentences"),
        ("links", "mask"),
        ("emails", "mask"),
        ("ips", "mask"),
        ("emoji", "remove"),
        ("punctuation", "chinese"),
        ("chinese", "t2s"),
        ("chinese", "s2twp"),
    ] {
        let settings = settings(key, value);
        row(&format!("{key} = {value}"), &mut |text| {
            black_box(pipeline::clean(text, &settings));
        });
    }
    for group in [
        "gopher-quality",
        "gopher-repetition",
        "c4",
        "fineweb",
        "ratios",
        "all",
    ] {
        let settings = settings(
            "quality",
            &format!("{group},-gopher-words,-c4-sentences,-gopher-repeated-lines,-language"),
        );
        let mut quality = settings.quality;
        quality.tag = true;
        row(group, &mut |text| {
            black_box(quality.judge(text));
        });
    }
    row("language", &mut |text| _ = black_box(detect(text)));
    let mut words = Words::default();
    row("words", &mut |text| {
        words.each(text, |word| _ = black_box(word))
    });
    row("s2t by itself", &mut |text| {
        _ = black_box(convert(text, Conversion::S2t))
    });
    let mut minhash = MinHash::default();
    row("minhash", &mut |text| {
        _ = black_box(minhash.signature(text))
    });

    let document: Vec<String> = (0..142)
        .map(|n: u32| format!("word{}", n.wrapping_mul(2_654_435_761) >> 20))
        .collect();
    let document = document.join(" ");
    let signatures = speed(1, || _ = black_box(minhash.signature(black_box(&document)))) * 1e6;
    println!("\n{signatures:.0} MinHash signatures a second of texts of 142 words");
}

fn settings(key: &str, value: &str) -> Settings {
    let get =
        |wanted: &'static str| Ok::<_, SettingsError>((wanted == key).then(|| value.to_owned()));
    Settings::read(get).expect("settings that exist")
}

/// Runs `work` for half a second, three times, and answers the best speed.
fn speed(bytes: usize, mut work: impl FnMut()) -> f64 {
    let run = |work: &mut dyn FnMut()| {
        let (begun, used) = (Instant::now(), used());
        let mut rounds = 0;
        while begun.elapsed() < Duration::from_millis(500) {
            for _ in 0..16 {
                work();
            }
            rounds += 16;
        }
        let time = used.and_then(|before| self::used()?.checked_sub(before));
        let time = time.unwrap_or_else(|| begun.elapsed());
        (bytes * rounds) as f64 / time.as_secs_f64() / 1e6
    };
    (0..3).map(|_| run(&mut work)).fold(0.0, f64::max)
}

/// The time that this thread had a processor, where the system tells: others may want it too.
fn used() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ')
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}
