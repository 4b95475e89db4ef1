//! A command that tells what it was given; its first argument says what.

use std::io::{Read as _, Write as _};

wasip2::cli::command::export!(Tells);

struct Tells;

impl wasip2::exports::cli::run::Guest for Tells {
    fn run() -> Result<(), ()> {
        let args: Vec<String> = std::env::args().collect();
        match args.get(1).map(String::as_str) {
            Some("args") => println!("{}", args.join("|")),
            Some("env") => {
                let mut all: Vec<_> = std::env::vars().collect();
                all.sort();
                all.iter().for_each(|(name, value)| println!("{name}={value}"));
            }
            Some("echo") => {
                let mut input = Vec::new();
                std::io::stdin().read_to_end(&mut input).unwrap();
                std::io::stdout().write_all(&input).unwrap();
                std::io::stdout().flush().unwrap();
                eprintln!("{} bytes", input.len());
            }
            Some("write") => match std::fs::write(&args[2], "从访客") {
                Ok(()) => println!("{}", std::fs::read_to_string(&args[2]).unwrap()),
                Err(error) => println!("refused: {:?}", error.kind()),
            },
            Some("connect") => match connect(args[2].parse().unwrap()) {
                Ok(()) => println!("connected"),
                Err(_) => println!("refused"),
            },
            Some("exit") => std::process::exit(args[2].parse().unwrap()),
            Some("fail") => return Err(()),
            Some("panic") => panic!("恐慌"),
            Some("spin") => loop {
                std::hint::black_box(());
            },
            _ => println!("nothing"),
        }
        Ok(())
    }
}

fn connect(to: std::net::SocketAddrV4) -> Result<(), wasip2::sockets::network::ErrorCode> {
    use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
    use wasip2::sockets::{instance_network, tcp_create_socket};
    let network = instance_network::instance_network();
    let socket = tcp_create_socket::create_tcp_socket(IpAddressFamily::Ipv4)?;
    let [a, b, c, d] = to.ip().octets();
    let address = Ipv4SocketAddress {
        port: to.port(),
        address: (a, b, c, d),
    };
    socket.start_connect(&network, IpSocketAddress::Ipv4(address))?;
    loop {
        match socket.finish_connect() {
            Ok(_) => return Ok(()),
            Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
            Err(error) => return Err(error),
        }
    }
}
