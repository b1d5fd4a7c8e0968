//! `apply` and `delete`: changing.

use super::{
    Apply, Output,
    client::{Client, Failure, Sent},
    get,
    output::{cell, json, yaml},
};
use domain::{PlaceName, manifest::annotation};
use serde_json::Value;
use std::{
    io::{BufRead, Read, Write},
    path::Path,
    time::{Duration, Instant},
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// How long what blocked the wish before may still be told of the new one.
const GRACE: Duration = Duration::from_secs(10);

pub async fn apply(client: &Client, asked: &Apply) -> Result<String, Failure> {
    let text = match &asked.place {
        None => read(&asked.file)?,
        Some(place) => placed(&read(&asked.file)?, place),
    };
    let name = name(&text).unwrap_or_else(|| "cluster".into());
    let query: &[_] = if asked.dry_run { &[("dry_run", "true")] } else { &[] };
    let applied = client.put("/postgres/manifest", query, Sent { kind: "application/yaml", text }).await?;
    let done = match asked.format.output {
        Output::Json => json(&applied),
        Output::Yaml => yaml(&applied),
        Output::Table => words(&name, &applied, asked.dry_run),
    };
    if asked.wait {
        // Said before the waiting, so that whoever waits knows for what.
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(done.as_bytes()).and_then(|()| out.flush());
        drop(out);
        let reached = wait(client, &name, &applied, asked.timeout).await?;
        return Ok(if asked.format.output == Output::Table { reached } else { String::new() });
    }
    Ok(done)
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::Usage(format!("{} cannot be read: {error}", file.display()));
    if file == Path::new("-") {
        let mut text = String::new();
        return std::io::stdin().lock().read_to_string(&mut text).map(|_| text).map_err(failed);
    }
    std::fs::read_to_string(file).map_err(failed)
}

/// The document with its place said in it, as JSON, which is YAML too. One that cannot be read goes as it is: the portal says what is wrong with it.
fn placed(text: &str, place: &PlaceName) -> String {
    let Ok(mut document) = serde_saphyr::from_str::<Value>(text) else { return text.to_owned() };
    if document["metadata"].is_object() {
        let annotations = &mut document["metadata"]["annotations"];
        if annotations.is_null() {
            *annotations = Value::Object(Default::default());
        }
        if let Some(all) = annotations.as_object_mut() {
            all.insert(annotation::PLACE.into(), place.as_str().into());
        }
    }
    document.to_string()
}

fn name(text: &str) -> Option<String> {
    domain::manifest::parse(text).ok().map(|document| document.name.to_string())
}

fn words(name: &str, applied: &Value, dry_run: bool) -> String {
    let done = match (applied["created"] == true, applied["changed"] == true, dry_run) {
        (true, _, true) => "would be created",
        (true, _, false) => "created",
        (false, true, true) => "would be changed",
        (false, true, false) => "changed",
        (false, false, _) => "unchanged",
    };
    let mut text = format!("{name} {done}");
    if let (false, Some(generation)) = (dry_run, applied["generation"].as_u64()) {
        text += &format!(" (generation {generation})");
    }
    text.push('\n');
    for cost in applied["costs"].as_array().into_iter().flatten() {
        text += &format!("  {}\n", cell(cost));
    }
    text
}

async fn wait(client: &Client, name: &str, applied: &Value, timeout: Duration) -> Result<String, Failure> {
    let address = get::address(applied);
    let wanted = applied["generation"].as_u64().unwrap_or_default();
    let start = Instant::now();
    let mut said = String::new();
    loop {
        let why = match client.get(&address, &[]).await {
            Ok(instance) if is_reached(&instance, wanted) => return Ok(format!("{name} is as wished for after {:.1} s\n", start.elapsed().as_secs_f64())),
            Ok(instance) => {
                let why = get::reason(&instance).unwrap_or_else(|| "nobody has looked at it yet".into());
                if is_blocked(&instance) && start.elapsed() > GRACE {
                    return Err(Failure::Refused(format!("{name} cannot become as wished for: {why}")));
                }
                why
            }
            // The portal may be restarting: the wish is saved, and the clusters do not need it.
            Err(Failure::Unreachable(why)) if start.elapsed() < timeout => why,
            Err(failure) => return Err(failure),
        };
        if start.elapsed() >= timeout {
            return Err(Failure::Refused(format!("{name} is not as wished for after {} s: {why}", timeout.as_secs())));
        }
        if why != said {
            eprintln!("{name}: {why}");
            said = why;
        }
        tokio::time::sleep(PAUSE.min(timeout.saturating_sub(start.elapsed()))).await;
    }
}

fn is_reached(instance: &Value, wanted: u64) -> bool {
    let reached = instance["observed_generation"].as_u64().is_some_and(|reached| reached >= wanted);
    reached && (instance["status"] == "ACTIVE" || instance["power"] == "off")
}

fn is_blocked(instance: &Value) -> bool {
    instance["conditions"].as_array().into_iter().flatten().any(|condition| condition["type"] == "Blocked" && condition["status"] == "True")
}

pub async fn delete(client: &Client, name: &str, yes: bool) -> Result<String, Failure> {
    let instance = get::find(client, name).await?;
    let name = cell(&instance["resource_name"]);
    if !yes {
        confirm(&name)?;
    }
    client.delete(&get::address(&instance)).await?;
    Ok(format!("{name} is being deleted\n"))
}

fn confirm(name: &str) -> Result<(), Failure> {
    eprint!("This deletes the cluster {name} and its data. Type its name to go on: ");
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    if read.is_ok() && typed.trim() == name { Ok(()) } else { Err(Failure::Refused("not the name: nothing was deleted.".into())) }
}
