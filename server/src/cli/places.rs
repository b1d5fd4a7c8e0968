//! `places`: where clusters can be created.

use super::{
    Output,
    client::{Client, Failure},
    output::{cell, json, table, yaml},
};
use serde_json::Value;

pub async fn show(client: &Client, name: Option<&str>, output: Output) -> Result<String, Failure> {
    let shown = match name {
        Some(name) if name.parse::<domain::PlaceName>().is_err() => return Err(Failure::NotFound(format!("There is no place {name:?}."))),
        Some(name) => client.get(&format!("/places/{name}"), &[]).await?,
        None => client.get("/places", &[]).await?,
    };
    Ok(match output {
        Output::Json => json(&shown),
        Output::Yaml => yaml(&shown),
        Output::Table if name.is_some() => whole(&shown),
        Output::Table => {
            let rows = shown.as_array().into_iter().flatten().map(row).collect::<Vec<_>>();
            table(&["NAME", "REGION", "ENGINE", "STATUS", "VERSIONS"], &rows)
        }
    })
}

fn row(place: &Value) -> Vec<String> {
    vec![cell(&place["name"]), cell(&place["region"]), cell(&place["engine"]), status(place).into(), cell(&place["versions"])]
}

fn status(place: &Value) -> &'static str {
    let serious = place["findings"].as_array().into_iter().flatten().any(|finding| finding["serious"] == true);
    match place["reachable"] == true {
        false => "unreachable",
        true if serious => "incomplete",
        true => "ready",
    }
}

fn whole(place: &Value) -> String {
    let mut text = format!("{}  {}\nStatus     {}\n", cell(&place["name"]), cell(&place["region"]), status(place));
    if place["reason"].is_string() {
        text += &format!("Reason     {}\n", cell(&place["reason"]));
    }
    let mut rows: Vec<Vec<String>> =
        ["engine", "versions", "topologies", "max_instances", "storage_classes", "switchover", "pause", "restart", "rights_at_once", "external"]
            .map(|key| vec![key.replace('_', " "), cell(&place[key])])
            .to_vec();
    rows.extend(place["facts"].as_object().into_iter().flatten().map(|(name, value)| vec![name.clone(), cell(value)]));
    text += &format!("\n{}", table(&["FACT", "VALUE"], &rows));
    let findings: Vec<_> = place["findings"].as_array().into_iter().flatten().map(|f| vec![cell(&f["message"]), cell(&f["remedy"])]).collect();
    if !findings.is_empty() {
        text += &format!("\n{}", table(&["FINDING", "WHAT TO DO"], &findings));
    }
    for remark in place["remarks"].as_array().into_iter().flatten() {
        text += &format!("\n{}\n", cell(remark));
    }
    text
}
