//! The tasks that the process is made of. One that fails on a defect ends the process, and systemd starts it anew: a
//! monitor that captures no more, or answers no commands, must not look alive.

use super::RunError;
use smol::LocalExecutor;
use smol::channel::{Receiver, Sender};
use smol::future::FutureExt as _;
use std::future::{Future, pending};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;

/// Spawns tasks, and knows when one has failed. The executor alone would drop that one and go on.
pub struct Tasks {
    executor: Rc<LocalExecutor<'static>>,
    failed: (Sender<&'static str>, Receiver<&'static str>),
}

impl Tasks {
    /// On this executor.
    pub fn on(executor: Rc<LocalExecutor<'static>>) -> Tasks {
        Tasks { executor, failed: smol::channel::bounded(1) }
    }

    /// The executor, for connections, which may fail alone.
    pub fn executor(&self) -> Rc<LocalExecutor<'static>> {
        self.executor.clone()
    }

    /// Starts one; `does` names it in the error.
    pub fn spawn(&self, does: &'static str, work: impl Future<Output = ()> + 'static) {
        let failed = self.failed.0.clone();
        let watched = async move {
            if AssertUnwindSafe(work).catch_unwind().await.is_err() {
                // The first one tells enough.
                let _ = failed.try_send(does);
            }
        };
        self.executor.spawn(watched).detach();
    }

    /// `work` on the executor, cut short when a task fails.
    pub async fn beside<T>(&self, work: impl Future<Output = Result<T, RunError>>) -> Result<T, RunError> {
        let failure = async {
            match self.failed.1.recv().await {
                Ok(does) => Err(RunError::Defect(does)),
                // It holds the other end itself.
                Err(_) => pending().await,
            }
        };
        self.executor.run(failure.or(work)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_task_that_panics_ends_the_process_with_an_error_that_names_it() {
        let tasks = Tasks::on(Rc::default());
        let ended = smol::block_on(tasks.beside(async {
            tasks.spawn("answering commands", async {
                smol::future::yield_now().await;
                panic!("on purpose");
            });
            smol::Timer::after(std::time::Duration::from_secs(5)).await;
            Ok(())
        }));
        let said = ended.expect_err("the task failed").to_string();
        assert!(said.contains("answering commands"), "{said}");
    }

    #[test]
    fn tasks_that_end_in_order_end_nothing_else() {
        let tasks = Tasks::on(Rc::default());
        let done = Rc::new(Cell::new(false));
        let ended = smol::block_on(tasks.beside(async {
            let done = done.clone();
            tasks.spawn("setting a flag", async move { done.set(true) });
            smol::future::yield_now().await;
            Ok(7)
        }));
        assert_eq!((ended.ok(), done.get()), (Some(7), true));
    }
}
