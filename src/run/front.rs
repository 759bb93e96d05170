//! `dashboard`: the front of a monitor that runs elsewhere on this machine. No store, no engine, no right needed.

use super::tasks::Tasks;
use super::{RunError, limits, listen};
use crate::config::Config;
use crate::http::{self, Front, FrontSetup};
use crate::{capture::interfaces, machine, pages, service};
use async_signal::{Signal, Signals};
use smol::Timer;
use smol::future::FutureExt as _;
use smol::stream::StreamExt as _;
use std::rc::Rc;
use std::time::Duration;

/// After this everything that only starting up needed has run.
const SETTLED: Duration = Duration::from_secs(3);

/// Serves the dashboard over the monitor's socket until a signal says stop. The monitor may come and go.
pub fn dashboard(config: Config) -> Result<(), RunError> {
    let tasks = Tasks::on(Rc::default());
    smol::block_on(tasks.beside(async {
        let mut signals = Signals::new([Signal::Term, Signal::Int])
            .map_err(|error| RunError::System("signals cannot be received", error))?;
        let listener = listen(&config, &interfaces::list())?;
        let front = Front::new(FrontSetup {
            socket: service::socket_path(&service::run_dir()),
            limits: limits(&config),
            host: machine::host_name(),
            public_hosts: config.dashboard.public_hosts.clone(),
            trusted_proxies: config.dashboard.trusted_proxies.clone(),
        });
        tasks.spawn("following the monitor", front.clone().follow());
        tasks.spawn("ending streams", front.clone().review());
        tasks.spawn("the watchdog", feed_watchdog());
        tasks.spawn("settling", settle());
        service::notify("READY=1");
        let stop = async {
            signals.next().await;
            service::notify("STOPPING=1");
            log::info!("stopping");
            front.shutdown();
            std::future::pending().await
        };
        http::serve(tasks.executor(), listener, front.clone()).or(stop).await;
        Ok(())
    }))
}

async fn feed_watchdog() {
    let Some(every) = service::watchdog_interval() else { return };
    loop {
        service::notify("WATCHDOG=1");
        Timer::after(every).await;
    }
}

async fn settle() {
    Timer::after(SETTLED).await;
    pages::release_code();
}
