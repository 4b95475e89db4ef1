//! Clients that send without end, slowly, or not at all, and what their functions notice of it.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::suite::{QUICK_MS, Suite, resident_mib, suite};
use crate::wire::{connect, exchange, status};

fn head(path: &str, key: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: steward\r\nauthorization: Bearer {key}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
}

#[test]
fn a_body_without_end_is_cut_off_and_fills_nothing() {
    // A server of its own: the others fill memory on purpose.
    let suite = Suite::start();
    let server = &suite.server;
    let before = resident_mib(server.pid());
    suite.beside(|| {
        let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
        for (path, wanted) in [
            (suite.behaviour("02", "reads-its-body"), 413),
            // Who reads nothing answers before the body is over.
            (suite.behaviour("02", "does-not-read-its-body"), 200),
            ("/f/default/innocent".to_owned(), 413),
            ("/api/v1/keys".to_owned(), 413),
        ] {
            let mut stream = connect(server);
            stream
                .write_all(head(&path, &server.key).as_bytes())
                .unwrap();
            let mut sent = 0usize;
            // Three times what is accepted; the server may close before.
            while sent < 12 << 20 && stream.write_all(&chunk).is_ok() {
                sent += chunk.len();
            }
            let mut answer = Vec::new();
            let mut piece = [0; 4096];
            while status(&answer).is_none() {
                match stream.read(&mut piece) {
                    Ok(n @ 1..) => answer.extend_from_slice(&piece[..n]),
                    _ => break,
                }
            }
            let text = String::from_utf8_lossy(&answer).into_owned();
            assert_eq!(status(&answer), Some(wanted), "{path}: {text}");
        }
    });
    let grown = resident_mib(server.pid()).saturating_sub(before);
    assert!(grown < 200, "the server grew by {grown} MiB");
}

#[test]
fn a_body_that_trickles_holds_its_function_no_longer_than_its_deadline() {
    let suite = suite();
    let server = &suite.server;
    suite.beside(|| {
        let path = suite.behaviour_within(QUICK_MS, "02", "reads-its-body");
        let mut stream = connect(server);
        stream
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        stream
            .write_all(head(&path, &server.key).as_bytes())
            .unwrap();
        let start = Instant::now();
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while status(&answer).is_none() && start.elapsed() < Duration::from_secs(20) {
            // A byte every 20 ms, for ever.
            if stream.write_all(b"1\r\nx\r\n").is_err() {
                break;
            }
            if let Ok(n @ 1..) = stream.read(&mut piece) {
                answer.extend_from_slice(&piece[..n]);
            }
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(status(&answer), Some(504), "{text}");
        assert!(text.contains("/deadline-exceeded\""), "{text}");
    });
}

#[test]
fn clients_that_go_away_give_their_places_back() {
    let suite = suite();
    let server = &suite.server;
    suite.beside(|| {
        for (wasi, name) in [
            ("02", "writes-for-ever"),
            ("02", "trickles"),
            ("02", "sleeps-for-ever"),
            ("03", "writes-for-ever"),
            ("03", "trickles"),
        ] {
            let path = suite.behaviour_within(QUICK_MS, wasi, name);
            // Four may run at a time; many more come, read a little, and go.
            for _ in 0..12 {
                let mut stream = connect(server);
                let head = head(&path, &server.key).replace("POST", "GET");
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(b"0\r\n\r\n").unwrap();
            }
            let harmless = format!("{}/harmless", path.rsplit_once('/').unwrap().0);
            assert_eq!(server.get(&harmless).ok(), "harmless", "{name}");
        }
    });
}

#[test]
fn connections_that_say_nothing_cost_their_neighbours_nothing() {
    let suite = suite();
    let server = &suite.server;
    let held: Vec<_> = (0..200)
        .map(|n| {
            let mut stream = connect(server);
            let begun: &[u8] = match n % 4 {
                0 => b"",
                1 => b"GET /f/default/innocent HTT",
                2 => b"POST /f/default/innocent HTTP/1.1\r\nhost: steward\r\ncontent-length: 100\r\n\r\n{",
                _ => b"PRI * HTTP/2.0\r\n\r\nSM",
            };
            stream.write_all(begun).unwrap();
            stream
        })
        .collect();
    suite.beside(|| {
        for _ in 0..20 {
            assert_eq!(server.call("innocent", &["a"]).ok(), json!(["kept"]));
        }
    });
    drop(held);
}

#[test]
fn a_packed_body_is_not_unpacked_beyond_what_a_body_may_have() {
    // A server of its own: the others fill memory on purpose.
    let suite = Suite::start();
    let server = &suite.server;
    // 512 MiB of zeros in half a megabyte.
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..512 {
        packer.write_all(&zeros).unwrap();
    }
    let bomb = packer.finish().unwrap();
    assert!(bomb.len() < 4 << 20, "{}", bomb.len());
    let before = resident_mib(server.pid());
    suite.beside(|| {
        for path in [
            "/f/default/innocent",
            "/v2/models/none/infer",
            "/v1/embeddings",
            "/api/v1/functions",
            "/api/v1/models/none/classify",
        ] {
            let request = server
                .request("POST", path)
                .header("content-type", "application/json")
                .header("content-encoding", "gzip")
                .body(bomb.clone());
            let answer = server.send(request);
            assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
        }
    });
    let grown = resident_mib(server.pid()).saturating_sub(before);
    assert!(grown < 200, "the server grew by {grown} MiB");
}

#[test]
fn requests_of_random_bytes_are_answered_or_closed_and_nothing_else_happens() {
    let suite = suite();
    let server = &suite.server;
    let head = |path: &str, kind: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: steward\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n",
            server.key
        )
    };
    // A typed call, whose JSON becomes values of its types, and a form of several parts.
    let json = r#"{"batch": [{"id": "1", "text": "a"}]}  "#;
    let call = head("/f/default/innocent", "application/json", json.len()) + json;
    let form = "--part\r\ncontent-disposition: form-data; name=\"manifest\"\r\n\r\n[plugin]\nname = \"random\"\n\r\n--part\r\n\
        content-disposition: form-data; name=\"component\"; filename=\"c.wasm\"\r\ncontent-type: application/wasm\r\n\r\n\0asm\r\n--part--\r\n";
    let upload = head(
        "/api/v1/plugins",
        "multipart/form-data; boundary=part",
        form.len(),
    ) + form;
    // xorshift64*, so that each run is the same.
    let mut state = 0x5EED_u64;
    let mut random = move |end: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) % end as u64) as usize
    };
    suite.beside(|| {
        for round in 0..800 {
            let good = [&call, &upload][round % 2];
            let mut request = good.clone().into_bytes();
            for _ in 0..=random(4) {
                let at = random(request.len());
                match random(4) {
                    0 => request[at] ^= 1 << random(8),
                    1 => request[at] = random(256) as u8,
                    2 => drop(request.remove(at)),
                    _ => request.insert(at, b"\r\n\0 :%/.[{\"\\"[random(12)]),
                }
            }
            // A request that is cut short by the change waits for its rest: the end says that none comes.
            let mut stream = connect(server);
            let _ = stream.write_all(&request);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            let seen = status(&answer);
            let text = String::from_utf8_lossy(&answer).into_owned();
            assert!(seen.is_none_or(|s| s < 500), "round {round}: {text}");
        }
    });
    assert_eq!(status(&exchange(server, call.as_bytes())), Some(200));
    // It is whole, and its manifest is refused for what it lacks.
    assert_eq!(status(&exchange(server, upload.as_bytes())), Some(422));
}
