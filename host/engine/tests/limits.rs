//! Limits as a hostile guest meets them.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use steward_engine::{CallLimits, Engine, EngineConfig, Exceeded, Guarded, Guardian, Lane};
use wasmtime::component::{Component, Linker};
use wasmtime::{Store, Trap};

struct Data(Guardian);

impl Guarded for Data {
    fn guardian(&mut self) -> &mut Guardian {
        &mut self.0
    }
}

fn engine() -> (Engine, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::new(&EngineConfig {
        cache_dir: dir.path().join("aot"),
    })
    .unwrap();
    (engine, dir)
}

fn limits() -> CallLimits {
    CallLimits {
        memory_bytes: 1 << 20,
        timeout: Duration::from_secs(30),
        ..CallLimits::default()
    }
}

/// A component that exports `run`, made of this core module.
fn guest(module: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (core module $m {module})
            (core instance $i (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#
    );
    wat::parse_str(text).unwrap()
}

async fn run(
    engine: &Engine,
    component: &Component,
    limits: CallLimits,
) -> (wasmtime::Result<u32>, Store<Data>) {
    let linker = Linker::<Data>::new(engine.lane(Lane::Plain));
    let mut store = engine.store(Lane::Plain, Data(Guardian::new(limits)));
    let result = async {
        let instance = linker.instantiate_async(&mut store, component).await?;
        let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run")?;
        Ok(run.call_async(&mut store, ()).await?.0)
    }
    .await;
    (result, store)
}

#[tokio::test]
async fn a_well_behaved_guest_answers() {
    let (engine, _dir) = engine();
    let component = engine
        .compile(&guest(r#"(func (export "run") (result i32) i32.const 42)"#))
        .unwrap();
    assert_eq!(run(&engine, &component, limits()).await.0.unwrap(), 42);
}

#[tokio::test]
async fn a_guest_that_computes_for_ever_traps_at_its_deadline() {
    let (engine, _dir) = engine();
    let component = engine
        .compile(&guest(
            r#"(func (export "run") (result i32) (loop br 0) unreachable)"#,
        ))
        .unwrap();
    let limits = CallLimits {
        timeout: Duration::from_millis(200),
        ..limits()
    };
    let start = Instant::now();
    let (result, mut store) = run(&engine, &component, limits).await;
    assert_eq!(
        result.unwrap_err().downcast_ref::<Trap>(),
        Some(&Trap::Interrupt)
    );
    assert!(store.data_mut().guardian().timed_out());
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn a_guest_computes_no_longer_than_it_may_however_much_time_there_is() {
    let (engine, _dir) = engine();
    let component = engine
        .compile(&guest(
            r#"(func (export "run") (result i32) (loop br 0) unreachable)"#,
        ))
        .unwrap();
    let limits = CallLimits {
        timeout: Duration::from_secs(60),
        cpu: Duration::from_millis(50),
        ..limits()
    };
    let linker = Linker::<Data>::new(engine.lane(Lane::Plain));
    let mut store = engine.store(Lane::Plain, Data(Guardian::new(limits)));
    let clock = store.data_mut().guardian().clock();
    // A neighbour shares the thread: what it computes is not counted.
    let neighbour = async {
        for _ in 0..20 {
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(5) {
                std::hint::spin_loop();
            }
            tokio::task::yield_now().await;
        }
    };
    let call = clock.measure(async {
        let instance = linker.instantiate_async(&mut store, &component).await?;
        let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run")?;
        run.call_async(&mut store, ()).await
    });
    let start = Instant::now();
    let (result, ()) = tokio::join!(call, neighbour);
    assert!(result.is_err());
    let guardian = store.data_mut().guardian();
    assert_eq!(guardian.exceeded(), Some(Exceeded::Cpu));
    let spent = guardian.clock().spent();
    assert!(spent >= Duration::from_millis(50), "{spent:?}");
    assert!(
        start.elapsed() >= spent + Duration::from_millis(100),
        "{spent:?}"
    );
    // The next call in the instance has all of its time again.
    guardian.begin();
    assert_eq!(
        (guardian.exceeded(), guardian.clock().spent()),
        (None, Duration::ZERO)
    );
}

#[tokio::test]
async fn what_others_take_of_the_processor_is_not_what_the_guest_computes() {
    let (engine, _dir) = engine();
    let module = r#"(func (export "run") (result i32) i32.const 42)"#;
    let component = engine.compile(&guest(module)).unwrap();
    let limits = CallLimits {
        cpu: Duration::from_millis(500),
        ..limits()
    };
    let linker = Linker::<Data>::new(engine.lane(Lane::Plain));
    let mut store = engine.store(Lane::Plain, Data(Guardian::new(limits)));
    let clock = store.data_mut().guardian().clock();
    let call = async {
        // As where the thread is put aside in the first poll, for longer than the guest may compute.
        std::thread::sleep(Duration::from_millis(600));
        let instance = linker.instantiate_async(&mut store, &component).await?;
        let run = instance.get_typed_func::<(), (u32,)>(&mut store, "run")?;
        run.call_async(&mut store, ()).await
    };
    assert_eq!(clock.measure(call).await.unwrap(), (42,));
    assert!(clock.spent() < Duration::from_millis(500), "{clock:?}");
}

#[tokio::test]
async fn a_guest_that_computes_gives_way_to_its_neighbours() {
    // One thread: the neighbour runs only if the spinning guest yields.
    let (engine, _dir) = engine();
    let spin = engine
        .compile(&guest(
            r#"(func (export "run") (result i32) (loop br 0) unreachable)"#,
        ))
        .unwrap();
    let quick = engine
        .compile(&guest(r#"(func (export "run") (result i32) i32.const 1)"#))
        .unwrap();
    let finished_first = tokio::select! {
        biased;
        _ = run(&engine, &spin, limits()) => "spinning",
        _ = run(&engine, &quick, limits()) => "quick",
    };
    assert_eq!(finished_first, "quick");
}

#[tokio::test]
async fn memory_stops_growing_at_the_limit() {
    let (engine, _dir) = engine();
    // Grows page by page until it is refused, then answers with the number of pages.
    let component = engine
        .compile(&guest(
            r#"(memory 1)
               (func (export "run") (result i32)
                 (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
                 memory.size)"#,
        ))
        .unwrap();
    let (pages, mut store) = run(&engine, &component, limits()).await;
    assert_eq!(pages.unwrap(), 16);
    assert!(store.data_mut().guardian().memory_denied());
    assert_eq!(store.data_mut().guardian().memory_bytes(), 1 << 20);
}

#[tokio::test]
async fn two_memories_share_one_limit() {
    let (engine, _dir) = engine();
    let text = r#"(component
        (core module $m (memory 10) (func (export "run") (result i32) i32.const 0))
        (core instance $a (instantiate $m))
        (core instance $b (instantiate $m))
        (func (export "run") (result u32) (canon lift (core func $a "run"))))"#;
    let component = engine.compile(&wat::parse_str(text).unwrap()).unwrap();
    let (result, mut store) = run(&engine, &component, limits()).await;
    assert!(result.is_err());
    assert!(store.data_mut().guardian().memory_denied());
}

#[tokio::test]
async fn tables_and_recursion_stop_too() {
    let (engine, _dir) = engine();
    let table = engine
        .compile(&guest(
            r#"(table 1 funcref)
               (func (export "run") (result i32)
                 (loop (br_if 0 (i32.ne (table.grow (ref.null func) (i32.const 1000)) (i32.const -1))))
                 table.size)"#,
        ))
        .unwrap();
    let (grown, mut store) = run(&engine, &table, limits()).await;
    assert!(grown.unwrap() <= 100_000);
    // The host refused it, and says so.
    let exceeded = store.data_mut().guardian().exceeded();
    assert_eq!(exceeded, Some(Exceeded::Memory));
    // What a table itself declares as its end is no limit of the host.
    let own_end = engine
        .compile(&guest(
            r#"(table 1 10 funcref)
               (func (export "run") (result i32) (table.grow (ref.null func) (i32.const 10)))"#,
        ))
        .unwrap();
    let (refused, mut store) = run(&engine, &own_end, limits()).await;
    assert_eq!(refused.unwrap(), u32::MAX);
    assert_eq!(store.data_mut().guardian().exceeded(), None);
    let recursion = engine
        .compile(&guest(
            r#"(func $run (export "run") (result i32) (i32.add (call $run) (i32.const 1)))"#,
        ))
        .unwrap();
    let error = run(&engine, &recursion, limits()).await.0.unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::StackOverflow));
}

#[test]
fn what_one_engine_compiles_another_of_the_same_host_loads() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig {
        cache_dir: dir.path().to_owned(),
    };
    let bytes = guest(r#"(func (export "run") (result i32) i32.const 42)"#);
    let first = Engine::new(&config).unwrap();
    first.compile(&bytes).unwrap();
    assert_eq!((first.aot_stats().hits, first.aot_stats().misses), (0, 1));
    let second = Engine::new(&config).unwrap();
    second.compile(&bytes).unwrap();
    assert_eq!((second.aot_stats().hits, second.aot_stats().misses), (1, 0));
}

#[test]
fn a_poisoned_cache_is_refused_and_mended() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig {
        cache_dir: dir.path().to_owned(),
    };
    let bytes = guest(r#"(func (export "run") (result i32) i32.const 42)"#);
    Engine::new(&config).unwrap().compile(&bytes).unwrap();
    for folder in std::fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
    {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let mut content = std::fs::read(&path).unwrap();
            let last = content.len() - 1;
            content[last] ^= 1;
            std::fs::write(&path, content).unwrap();
        }
    }
    let engine = Engine::new(&config).unwrap();
    engine.compile(&bytes).unwrap();
    assert_eq!(engine.aot_stats().refused, 1);
    engine.compile(&bytes).unwrap();
    assert_eq!(engine.aot_stats().hits, 1);
}

#[test]
fn what_does_not_validate_does_not_compile() {
    let (engine, _dir) = engine();
    let mut bytes = guest(r#"(func (export "run") (result i32) i32.const 42)"#);
    let at = bytes.windows(2).position(|w| w == [0x41, 42]).unwrap();
    bytes[at] = 0xff;
    assert!(matches!(
        engine.compile(&bytes),
        Err(steward_engine::EngineError::Compile(_))
    ));
}
