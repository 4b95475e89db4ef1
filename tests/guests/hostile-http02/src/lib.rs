//! Misbehaves over `wasi:http` 0.2 in every way that the tests know; the path says in which.

use std::io::Write as _;
use std::mem::forget;

use wasip2::cli::exit;
use wasip2::clocks::monotonic_clock::{now, subscribe_duration};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam, Scheme,
};
use wasip2::random::{insecure, random};

wasip2::http::proxy::export!(Hostile);

struct Hostile;

const A_MILLISECOND: u64 = 1_000_000;
const AN_HOUR: u64 = 3_600_000 * A_MILLISECOND;

impl wasip2::exports::http::incoming_handler::Guest for Hostile {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        match path {
            // Answers that are none.
            "/never-answers" => {}
            "/answers-with-an-error-code" => {
                ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some("it does not like you".into()))));
            }
            "/answers-twice" => {
                let handle = out.take_handle();
                // The first handle is used up by the first answer; the second one names nothing.
                for _ in 0..2 {
                    let out = unsafe { ResponseOutparam::from_handle(handle) };
                    let response = OutgoingResponse::new(Fields::new());
                    ResponseOutparam::set(out, Ok(response));
                }
            }
            "/sleeps-for-ever" => subscribe_duration(AN_HOUR).block(),
            "/reads-the-clock-for-ever" => loop {
                std::hint::black_box(now());
            },
            "/draws-gigabytes-at-once" => {
                std::hint::black_box(random::get_random_bytes(query.parse().unwrap()));
                whole(out, b"drawn");
            }
            "/draws-random-bytes-for-ever" => loop {
                std::hint::black_box(random::get_random_bytes(1 << 20));
                std::hint::black_box(insecure::get_insecure_random_bytes(1 << 20));
            },
            "/exits" => exit::exit(Ok(())),
            "/exits-with-an-error" => exit::exit(Err(())),
            "/panics" => panic!("it gave up"),

            // Handles.
            "/leaks-pollables" => loop {
                forget(subscribe_duration(AN_HOUR));
            },
            "/leaks-fields" => loop {
                forget(Fields::new());
            },
            "/leaks-requests" => loop {
                forget(OutgoingRequest::new(Fields::new()));
            },
            "/leaks-streams" => loop {
                forget(wasip2::cli::stdout::get_stdout());
            },
            "/holds-twenty-handles" => {
                for _ in 0..20 {
                    forget(subscribe_duration(AN_HOUR));
                }
                whole(out, b"held");
            }
            "/uses-a-handle-that-is-not-its-own" => {
                // Handles of others are other numbers: there is nothing behind any of them.
                let names: Vec<bool> = (0..1).map(|_| unsafe { Fields::from_handle(4711) }.has("a")).collect();
                whole(out, format!("{names:?}").as_bytes());
            }

            // Output.
            "/floods-stdout" => loop {
                println!("{}", "flood ".repeat(100));
            },
            "/floods-stderr" => loop {
                eprintln!("{}", "flood ".repeat(100));
            },
            "/prints-a-line-without-end" => {
                for _ in 0..2000 {
                    print!("{}", "without end ".repeat(100));
                }
                let _ = std::io::stdout().flush();
                whole(out, b"printed");
            }

            // What it can see.
            "/looks-around" => whole(out, look_around().as_bytes()),
            "/calls-out" => whole(out, call_out(query).as_bytes()),
            "/shows-its-headers" => {
                let mut seen: Vec<String> = request.headers().entries().into_iter().map(|(name, _)| name).collect();
                seen.sort();
                whole(out, seen.join(",").as_bytes());
            }

            // Heads.
            "/sets-forbidden-headers" => whole(out, forbidden_headers().as_bytes()),
            "/sets-a-giant-header" => {
                let fields = Fields::new();
                let set = fields.set("x-giant", &[vec![b'x'; 1 << 20]]);
                whole(out, format!("{set:?}").as_bytes());
            }
            "/sets-headers-until-refused" => {
                let fields = Fields::new();
                let mut count = 0;
                while count < 100_000 && fields.append("x-many", b"x").is_ok() {
                    count += 1;
                }
                whole(out, count.to_string().as_bytes());
            }
            "/answers-in-another-name" => {
                let fields = Fields::new();
                fields.append("x-request-id", b"somebody-else").unwrap();
                fields.append("date", b"Thu, 01 Jan 1970 00:00:00 GMT").unwrap();
                respond(out, fields, 200, |body| body.write_all(b"answered"));
            }
            "/says-a-length-that-is-too-small" => respond(out, length("3"), 200, |body| body.write_all(SMUGGLED)),
            "/says-a-length-that-is-too-large" => respond(out, length("400"), 200, |body| body.write_all(SMUGGLED)),
            "/says-two-lengths" => {
                let fields = length("3");
                let second = fields.append("content-length", b"5");
                respond(out, fields, 200, |body| body.write_all(format!("{second:?}").as_bytes()));
            }
            "/says-no-number-for-a-length" => respond(out, length("+5"), 200, |body| body.write_all(b"12345")),
            "/answers-with-the-status" => {
                let response = OutgoingResponse::new(Fields::new());
                match response.set_status_code(query.parse().unwrap()) {
                    Ok(()) => {
                        let body = response.body().unwrap();
                        ResponseOutparam::set(out, Ok(response));
                        if let Ok(mut writer) = body.write() {
                            let _ = writer.write_all(SMUGGLED);
                        }
                        let _ = OutgoingBody::finish(body, None);
                    }
                    Err(()) => whole(out, b"refused"),
                }
            }

            // Bodies.
            "/writes-for-ever" => respond(out, Fields::new(), 200, |body| {
                loop {
                    body.write_all(&[b'x'; 4096])?;
                }
            }),
            "/writes-for-ever-unasked" => {
                // Without a look at how much it may write.
                let response = OutgoingResponse::new(Fields::new());
                let body = response.body().unwrap();
                ResponseOutparam::set(out, Ok(response));
                let writer = body.write().unwrap();
                loop {
                    let _ = writer.write(&[b'x'; 4096]);
                }
            }
            "/trickles" => respond(out, Fields::new(), 200, |body| {
                loop {
                    body.write_all(b"x")?;
                    body.flush()?;
                    subscribe_duration(10 * A_MILLISECOND).block();
                }
            }),
            "/computes-after-its-head" => {
                let response = OutgoingResponse::new(Fields::new());
                let body = response.body().unwrap();
                ResponseOutparam::set(out, Ok(response));
                forget(body);
                spin();
            }
            "/computes-after-its-answer" => {
                whole(out, b"answered");
                spin();
            }
            "/traps-in-its-body" => respond(out, Fields::new(), 200, |body| {
                body.write_all(b"begun")?;
                body.flush()?;
                panic!("in the middle");
            }),
            "/never-ends-its-body" => respond(out, Fields::new(), 200, |body| {
                body.write_all(b"begun")?;
                body.flush()?;
                subscribe_duration(AN_HOUR).block();
                Ok(())
            }),
            "/computes-for-a-while" => {
                let begun = now();
                while now() - begun < 150 * A_MILLISECOND {}
                whole(out, b"computed");
            }
            "/computes-as-it-reads" => {
                let body = request.consume().unwrap();
                let mut stream = body.stream().unwrap();
                let mut buffer = [0; 1];
                let _ = std::io::Read::read(&mut stream, &mut buffer);
                spin();
            }
            "/does-not-read-its-body" => whole(out, b"unread"),
            "/reads-its-body" => {
                let body = request.consume().unwrap();
                let mut stream = body.stream().unwrap();
                let mut read = 0;
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = std::io::Read::read(&mut stream, &mut buffer) {
                    read += n;
                }
                whole(out, read.to_string().as_bytes());
            }
            _ => whole(out, b"harmless"),
        }
    }
}

/// What would be the next answer on the connection, if the length before it were believed.
const SMUGGLED: &[u8] = b"123HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled";

fn length(value: &str) -> Fields {
    let fields = Fields::new();
    fields.set("content-length", &[value.as_bytes().to_vec()]).unwrap();
    fields
}

fn whole(out: ResponseOutparam, text: &[u8]) {
    respond(out, Fields::new(), 200, |body| body.write_all(text));
}

fn respond(
    out: ResponseOutparam,
    fields: Fields,
    status: u16,
    write: impl FnOnce(&mut wasip2::io::streams::OutputStream) -> std::io::Result<()>,
) {
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    let mut writer = body.write().unwrap();
    let _ = write(&mut writer);
    drop(writer);
    let _ = OutgoingBody::finish(body, None);
}

fn spin() {
    let mut n = 0u64;
    while std::hint::black_box(n) < u64::MAX {
        n = n.wrapping_add(1) & 0xffff;
    }
}

fn look_around() -> String {
    let mut seen = Vec::new();
    seen.extend(std::env::vars().map(|(name, _)| format!("variable {name}")));
    seen.extend(std::env::args().map(|arg| format!("argument {arg}")));
    seen.extend(wasip2::filesystem::preopens::get_directories().into_iter().map(|(_, path)| format!("folder {path}")));
    for path in ["/", ".", "..", "/etc/passwd", "/proc/self/environ", "steward.db"] {
        if std::fs::metadata(path).is_ok() || std::fs::read(path).is_ok() || std::fs::read_dir(path).is_ok() {
            seen.push(format!("file {path}"));
        }
    }
    if std::fs::write("/tmp/hostile", "was here").is_ok() {
        seen.push("wrote a file".into());
    }
    let mut input = String::new();
    if std::io::stdin().read_line(&mut input).is_ok_and(|n| n > 0) {
        seen.push(format!("input {input}"));
    }
    seen.join("\n")
}

fn call_out(authority: &str) -> String {
    let mut said = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https, Scheme::Other("file".into())] {
        let request = OutgoingRequest::new(Fields::new());
        let set = request.set_scheme(Some(&scheme)).and_then(|()| request.set_authority(Some(authority)));
        if set.is_err() {
            said.push("not-an-authority".to_owned());
            continue;
        }
        let _ = request.set_path_with_query(Some("/latest/meta-data/"));
        said.push(match outgoing_handler::handle(request, None) {
            Err(code) => format!("{code:?}"),
            Ok(answer) => {
                answer.subscribe().block();
                match answer.get() {
                    Some(Ok(Ok(response))) => format!("ANSWERED {}", response.status()),
                    Some(Ok(Err(code))) => format!("{code:?}"),
                    _ => "nothing".to_owned(),
                }
            }
        });
    }
    said.join("\n")
}

fn forbidden_headers() -> String {
    let mut accepted = Vec::new();
    for name in [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "transfer-encoding",
        "Transfer-Encoding", "upgrade", "host", "http2-settings", "", " ", "a b", "a:b", "a\r\nb", "é", ":status",
    ] {
        if Fields::new().append(name, b"chunked").is_ok() || Fields::from_list(&[(name.into(), b"x".to_vec())]).is_ok() {
            accepted.push(format!("name {name:?}"));
        }
    }
    for value in ["a\r\nx-injected: 1", "a\nb", "a\rb", "a\0b", "\r\n\r\nbody"] {
        if Fields::new().append("x-value", value.as_bytes()).is_ok() {
            accepted.push(format!("value {value:?}"));
        }
    }
    accepted.join("\n")
}
