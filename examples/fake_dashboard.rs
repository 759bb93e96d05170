//! The dashboard over invented data that moves, for work on the page: `cargo run --example fake_dashboard [ADDRESS]
//! [PASSWORD]`. Without a password everyone may look; with `claim` as password the first page sets it.

#[path = "../tests/fake/mod.rs"]
mod fake;

use netmonitor::http::{self, AuthMode, password};
use std::time::Duration;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let secret = arguments.next();
    let store = fake::store();
    let (app, orders) = fake::app(&store, |setup| {
        if secret.is_some() {
            setup.auth = AuthMode::Password;
        }
    });
    if let Some(secret) = secret.filter(|s| s != "claim") {
        let hash = password::hash(&secret).expect("a password of 8 characters or more");
        store.set_setting(password::SETTING, Some(&hash)).expect("memory takes it");
    }
    // How it is with many: ALERTS=10000.
    let many: u64 = std::env::var("ALERTS").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    for start in (1..=many).step_by(500) {
        let some: Vec<_> = (start..=many.min(start + 499)).map(fake::alert).collect();
        store.commit_alerts(&some).expect("memory takes it");
    }
    app.set_health(fake::health());
    let (en, nl) = netmonitor::run::kinds(&netmonitor::config::Config::default());
    app.set_kinds(en, nl);
    let listener =
        http::bind(address.parse().expect("an address such as 127.0.0.1:8080")).expect("a free port");
    println!("http://{address}/ (claim code {})", fake::CLAIM);
    let (live, kept) = (app.clone(), store.clone());
    std::thread::spawn(move || {
        for n in 1.. {
            let mut snapshot = fake::snapshot(n);
            if n % 20 == 1 {
                let alert = fake::alert(kept.next_alert_id());
                kept.commit_alerts(std::slice::from_ref(&alert)).expect("memory takes it");
                live.publish_alert(&alert);
            }
            snapshot.alerts.open = kept.open_counts();
            snapshot.alerts.recent =
                kept.alerts(&Default::default(), None, 20).expect("memory gives it").alerts;
            snapshot.monitor.viewers = live.viewers();
            if let Some(point) = snapshot.traffic.history.last().filter(|_| n % 10 == 0) {
                kept.add_traffic(point).expect("memory takes it");
            }
            live.set_snapshot(snapshot);
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    fake::run(listener, app, orders);
}
