//! Devices: who is there, and what the owner says of them.

use super::answer::{self, Answer, Refusal};
use super::query::{self, Query};
use super::{State, audit};
use crate::command::{Command, DeviceChange};
use tide::Request;

/// Longest name, characters.
const NAME: usize = 64;
/// Longest notes, characters.
const NOTES: usize = 2000;

/// GET `/api/devices`.
pub async fn list(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    let devices = request.state().ask(Command::Devices).await?;
    answer::json(&serde_json::json!({ "total": devices.len(), "devices": devices }))
}

/// GET `/api/devices/{id}`.
pub async fn one(request: Request<State>) -> Answer {
    Query::of(&request, &[])?;
    let id = query::part(&request, "id", "device")?;
    let device = request.state().ask(|reply| Command::Device(id, reply)).await?;
    answer::json(&device.ok_or_else(|| Refusal::missing("device"))?)
}

/// PATCH `/api/devices/{id}`.
pub async fn change(mut request: Request<State>) -> Answer {
    let mut change: DeviceChange = query::body(&mut request).await?;
    clean("name", &mut change.name, NAME)?;
    clean("notes", &mut change.notes, NOTES)?;
    let id = query::part(&request, "id", "device")?;
    let app = request.state();
    let device = app.ask(|reply| Command::ChangeDevice(id, change, reply)).await?;
    let device = device.ok_or_else(|| Refusal::missing("device"))?;
    app.publish_device(&device);
    let name = device.name.clone().unwrap_or_else(|| device.label.clone());
    Ok(audit::about(answer::json(&device)?, name))
}

fn clean(name: &str, text: &mut Option<String>, longest: usize) -> Result<(), Refusal> {
    let Some(text) = text else { return Ok(()) };
    *text = text.chars().filter(|c| !c.is_control() || *c == '\n').collect::<String>().trim().to_owned();
    if text.chars().count() > longest {
        return Err(Refusal::bad(format!("{name} must have at most {longest} characters")));
    }
    Ok(())
}
