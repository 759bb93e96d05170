//! The dashboard under load, in a process of its own: every answer whole, two threads, little memory. Prints what it
//! measured: memory with 100 viewers, CPU per request and per event and viewer.

mod client;
mod fake;

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve();
    }
    if Command::new("ab").arg("-V").output().is_err() {
        eprintln!("SKIPPED: ab is missing (apache2-utils), the load test did not run");
        return;
    }
    let mut server = Server::start("none");
    println!("resident, nobody connected: {} KiB", server.resident());
    let held = viewers_cost_little(&mut server);
    requests_are_answered_whole(&server);
    println!("resident after all that: {} KiB", server.resident());
    logging_in_gives_its_memory_back();
    let names = server.threads();
    drop(held);
    assert_eq!(names.len(), 2, "the main thread and async-io's: {names:?}");
    println!("threads under load: {names:?}");
}

fn logging_in_gives_its_memory_back() {
    let server = Server::start("password");
    let (idle, before) = (server.resident(), server.cpu());
    let body = format!(r#"{{"code":"{}","password":"long enough"}}"#, fake::CLAIM);
    assert_eq!(client::ask(server.address, "POST", "/api/claim", "", Some(&body)).status, 204);
    for _ in 0..9 {
        let body = r#"{"password":"long enough"}"#;
        assert_eq!(client::ask(server.address, "POST", "/api/session", "", Some(body)).status, 204);
    }
    let (resident, cost) = (server.resident(), (server.cpu() - before) / 10);
    println!(
        "a login: {cost} us CPU, {} KiB at most, resident {idle} KiB before and {resident} after",
        server.peak()
    );
    assert!(resident < idle + 2048, "the hash's memory stays");
}

/// Serves until killed. A line on standard input publishes a snapshot.
fn serve() {
    let store = fake::store();
    let password = std::env::args().nth(2).as_deref() == Some("password");
    let (app, orders) = fake::app(&store, |setup| {
        if password {
            setup.auth = netmonitor::http::AuthMode::Password;
        }
    });
    app.set_snapshot(fake::snapshot(1));
    let listener = netmonitor::http::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
    println!("listening {}", listener.get_ref().local_addr().expect("bound"));
    let executor = std::rc::Rc::new(smol::LocalExecutor::new());
    let input = smol::Async::new(std::io::stdin()).expect("a pipe");
    let publishing = async {
        let mut lines = 0;
        while input.read_with(|mut input| input.read(&mut [0])).await.is_ok_and(|n| n > 0) {
            lines += 1;
            app.set_snapshot(fake::snapshot(lines));
        }
    };
    let serving = netmonitor::http::serve(executor.clone(), listener, app.clone());
    drop(orders);
    smol::block_on(executor.run(smol::future::or(serving, publishing)));
}

fn requests_are_answered_whole(server: &Server) {
    for (arguments, requests) in
        [(["-q", "-n", "1000", "-c", "50"], 1000), (["-kq", "-n", "5000", "-c", "200"], 5000)]
    {
        let before = server.cpu();
        let report = ab(&arguments, &format!("http://{}/api/dashboard", server.address));
        let number = |name: &str| -> u64 {
            let line =
                report.lines().find(|l| l.starts_with(name)).unwrap_or_else(|| panic!("{name}: {report}"));
            line[name.len()..].trim().split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default()
        };
        assert!(number("Document Length:") > 10_000, "{report}");
        assert_eq!((number("Complete requests:"), number("Failed requests:")), (requests, 0), "{report}");
        assert!(!report.contains("Non-2xx"), "{report}");
        let (cpu, length) = ((server.cpu() - before) / requests, number("Document Length:"));
        println!("ab {}: {length} bytes, {cpu} us CPU per request", arguments.join(" "));
    }
    let before = server.cpu();
    ab(&["-kq", "-n", "20000", "-c", "50"], &format!("http://{}/healthz", server.address));
    println!("ab -k /healthz: {} us CPU per request", (server.cpu() - before) / 20_000);
}

fn ab(arguments: &[&str], url: &str) -> String {
    let output = Command::new("ab").args(arguments).arg(url).stderr(Stdio::inherit()).output();
    String::from_utf8(output.expect("ab runs").stdout).expect("text")
}

fn viewers_cost_little(server: &mut Server) -> Vec<TcpStream> {
    let idle = server.resident();
    let mut viewers: Vec<_> = (0..100)
        .map(|_| {
            let mut viewer = client::connect(server.address);
            viewer.write_all(b"GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n").expect("sent");
            assert_eq!(client::read(&mut viewer, true).status, 200);
            viewer
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let before = server.cpu();
    let events = 50;
    for _ in 0..events {
        server.publish();
        std::thread::sleep(Duration::from_millis(20));
        let mut into = [0; 16_384];
        for viewer in &mut viewers {
            assert!(viewer.read(&mut into).expect("events come") > 0);
        }
    }
    std::thread::sleep(Duration::from_millis(300));
    let cost = (server.cpu() - before) as f64 / events as f64 / viewers.len() as f64;
    let resident = server.resident();
    println!("100 viewers: {resident} KiB resident ({idle} before), {cost:.1} us CPU per viewer and event");
    assert!(resident < idle + 4096, "a viewer costs more than 40 KiB");
    viewers
}

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start(auth: &str) -> Server {
        let mut process = Command::new(std::env::current_exe().expect("this test"))
            .args(["serve", auth])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a server");
        let mut line = String::new();
        let output = process.stdout.take().expect("piped");
        std::io::BufReader::new(output).read_line(&mut line).expect("its address");
        let address = line.trim().strip_prefix("listening ").and_then(|a| a.parse().ok());
        Server { process, address: address.unwrap_or_else(|| panic!("no address in {line:?}")) }
    }
    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.process.id())).expect("it runs")
    }
    fn publish(&mut self) {
        self.process.stdin.as_mut().expect("piped").write_all(b"\n").expect("it reads");
    }
    /// KiB now.
    fn resident(&self) -> u64 {
        self.memory("VmRSS:")
    }
    /// KiB at most so far.
    fn peak(&self) -> u64 {
        self.memory("VmHWM:")
    }
    fn memory(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|l| l.starts_with(name)).expect("always there");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    }
    /// User and system time so far, microseconds.
    fn cpu(&self) -> u64 {
        let stat = self.proc("schedstat");
        stat.split(' ').next().and_then(|n| n.parse::<u64>().ok()).expect("nanoseconds") / 1000
    }
    fn threads(&self) -> Vec<String> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
        let name =
            |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).expect("a name");
        tasks.map(|task| name(task.expect("a task")).trim().to_owned()).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
