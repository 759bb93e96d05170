//! After the start: keeps the new slot when it works, gives it up when it does not.

use super::{Phase, Record, Slots, UpdateError};
use std::time::Duration;

/// How long a new slot has to capture and answer.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There was nothing to decide.
    Nothing,
    /// This release is kept.
    Kept(String),
    /// This release did not work while it was on trial; the slot before it starts next.
    GivenUp(String),
    /// This release was tried, and the slot before it runs again.
    CameBack(String),
}

/// Decides; `works` says whether the slot that runs captures and answers, or why not, and takes its time.
pub fn confirm(
    slots: &Slots,
    works: impl FnOnce(Duration) -> Result<(), String>,
) -> Result<Verdict, UpdateError> {
    let mut record = Record::load(slots);
    let Some(attempt) = &mut record.attempt else { return Ok(Verdict::Nothing) };
    let (release, slot) = (attempt.release.clone(), attempt.slot);
    if attempt.phase == Phase::Trying && slots.running != slot {
        attempt.phase = Phase::Failed;
        attempt.why = Some("it was not running after the restart".to_owned());
        record.save(slots)?;
        slots.try_nothing()?;
        return Ok(Verdict::CameBack(release));
    }
    if !attempt.is_on_trial(slots.running) {
        return Ok(Verdict::Nothing);
    }
    if slots.starts()? == slot {
        // The power went between the two writes below.
        return keep(slots, record, release);
    }
    match works(PATIENCE).and_then(|()| slots.keep(slot).map_err(|error| error.to_string())) {
        Ok(()) => keep(slots, record, release),
        Err(why) => {
            attempt.phase = Phase::Failed;
            attempt.why = Some(why);
            // A card that cannot be written to is a reason to go back, not to stay.
            let noted = record.save(slots).and_then(|()| slots.try_nothing());
            noted.unwrap_or_else(|error| log::warn!("{error}"));
            Ok(Verdict::GivenUp(release))
        }
    }
}

/// The config names it already; the record follows.
fn keep(slots: &Slots, mut record: Record, release: String) -> Result<Verdict, UpdateError> {
    slots.try_nothing()?;
    if let Some(attempt) = &mut record.attempt {
        let lower =
            super::record::numbers(&release) < record.kept.as_deref().and_then(super::record::numbers);
        if !lower || attempt.downgrade {
            record.kept = Some(release.clone());
        }
        attempt.phase = Phase::Kept;
        attempt.why = None;
    }
    record.save(slots)?;
    Ok(Verdict::Kept(release))
}
