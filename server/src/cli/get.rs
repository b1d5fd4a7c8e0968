//! `get`, `status`, `users`, `databases`: looking.

use super::{
    Output,
    client::{Client, Failure},
    output::{cell, json, table, yaml},
};
use domain::{Uuid, quantity::human};
use serde_json::Value;

/// How long the first measurement of a cluster takes at most, as a rule.
const MEASURED: std::time::Duration = std::time::Duration::from_millis(1500);

/// The cluster of that name in documents, of that uuid, or else of that title.
pub async fn find(client: &Client, name: &str) -> Result<Value, Failure> {
    if Uuid::try_parse(name).is_ok_and(|_| name.len() == 36) {
        return client.get(&format!("/postgres/instances/{name}"), &[]).await;
    }
    for field in ["resource_name", "name"] {
        let found = client.get("/postgres/instances", &[(field, name)]).await?;
        match found.as_array().map(Vec::as_slice).unwrap_or_default() {
            [] => {}
            [one] => return Ok(one.clone()),
            many => {
                let names: Vec<_> = many.iter().map(|one| cell(&one["resource_name"])).collect();
                return Err(Failure::Refused(format!("{} clusters are called {name:?}: say which by name: {}.", many.len(), names.join(", "))));
            }
        }
    }
    Err(Failure::NotFound(format!("There is no cluster {name:?}.")))
}

/// The address of a cluster below `/v1`.
pub fn address(instance: &Value) -> String {
    format!("/postgres/instances/{}", cell(&instance["uuid"]))
}

pub async fn get(client: &Client, name: Option<&str>, output: Output) -> Result<String, Failure> {
    let shown = match name {
        Some(name) => find(client, name).await?,
        None => client.get("/postgres/instances", &[("sort_key", "resource_name")]).await?,
    };
    let rows = shown.as_array().map_or(std::slice::from_ref(&shown), Vec::as_slice);
    match output {
        Output::Json => Ok(json(&shown)),
        Output::Yaml => {
            let mut documents = Vec::new();
            for row in rows {
                documents.push(client.text(&format!("{}/manifest", address(row))).await?);
            }
            Ok(documents.join("---\n"))
        }
        Output::Table if rows.is_empty() => Ok("There is no cluster yet: howdah apply -f FILE makes one.\n".into()),
        Output::Table => {
            let versions = versions(client).await?;
            let head = ["NAME", "PLACE", "STATUS", "VERSION", "READY", "CPU", "MEMORY", "STORAGE", "TITLE"];
            Ok(table(&head, &rows.iter().map(|row| summary(row, &versions)).collect::<Vec<_>>()))
        }
    }
}

fn summary(row: &Value, versions: &Value) -> Vec<String> {
    let mib = row["ram"].as_u64().unwrap_or_default();
    let memory = human(mib.saturating_mul(1 << 20));
    let storage = format!("{} GiB", row["disk_size"]);
    let cells = [
        cell(&row["resource_name"]),
        cell(&row["place"]),
        cell(&row["status"]),
        version(row, versions),
        ready(row),
        cell(&row["cpu"]),
        memory,
        storage,
        cell(&row["name"]),
    ];
    cells.to_vec()
}

async fn versions(client: &Client) -> Result<Value, Failure> {
    client.get("/types/postgres/versions", &[]).await.map(|mut all| all["versions"].take())
}

fn version(row: &Value, versions: &Value) -> String {
    let address = cell(&row["version"]);
    let found = versions.as_array().into_iter().flatten().find(|version| address.ends_with(&cell(&version["uuid"])));
    found.map_or_else(|| "?".into(), |version| cell(&version["name"]))
}

fn ready(row: &Value) -> String {
    let nodes = row["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    format!("{}/{}", nodes.iter().filter(|node| node["state"] == "ready").count(), row["nodes_number"])
}

pub async fn status(client: &Client, name: &str, output: Output) -> Result<String, Failure> {
    let instance = measured(client, &address(&find(client, name).await?)).await?;
    match output {
        Output::Json => return Ok(json(&instance)),
        Output::Yaml => return Ok(yaml(&instance)),
        Output::Table => {}
    }
    let versions = versions(client).await?;
    let mut text = format!("{}  {}\n", cell(&instance["resource_name"]), cell(&instance["name"]));
    text += &format!("Status     {}, wish {} of {} reached\n", cell(&instance["status"]), instance["observed_generation"], instance["generation"]);
    text += &format!("Version    {}\n", version(&instance, &versions));
    if let Some(why) = reason(&instance) {
        text += &format!("Reason     {why}\n");
    }
    let rows = |key: &str, row: fn(&Value) -> Vec<String>| instance[key].as_array().into_iter().flatten().map(row).collect::<Vec<_>>();
    for (head, rows) in [
        (&["ENDPOINT", "NAME", "ADDRESS"][..], rows("endpoints", |e| vec![cell(&e["kind"]), cell(&e["name"]), place(e)])),
        (&["INSTANCE", "ROLE", "STATE", "ADDRESS", "LAG", "SYNC"], rows("nodes", node)),
        (&["CONDITION", "STATUS", "SINCE", "MESSAGE"], rows("conditions", |c| ["type", "status", "since", "message"].map(|key| cell(&c[key])).to_vec())),
    ] {
        if !rows.is_empty() {
            text += &format!("\n{}", table(head, &rows));
        }
    }
    Ok(text)
}

/// A cluster with the lag of its replicas, which is measured only while somebody asks for it: so asked twice, where the first answer has none.
async fn measured(client: &Client, address: &str) -> Result<Value, Failure> {
    let instance = client.get(address, &[]).await?;
    let unknown = |node: &Value| node["role"] == "replica" && node["state"] == "ready" && node["lag_bytes"].is_null();
    if !instance["nodes"].as_array().into_iter().flatten().any(unknown) {
        return Ok(instance);
    }
    tokio::time::sleep(MEASURED).await;
    client.get(address, &[]).await
}

fn node(node: &Value) -> Vec<String> {
    let lag = match (node["lag_bytes"].as_u64(), node["lag_seconds"].as_f64()) {
        (Some(bytes), Some(seconds)) => format!("{}, {seconds:.1} s", human(bytes)),
        (Some(bytes), None) => human(bytes),
        (None, _) if node["role"] == "primary" => "-".into(),
        (None, _) => "unknown".into(),
    };
    vec![cell(&node["name"]), cell(&node["role"]), cell(&node["state"]), place(node), lag, cell(&node["sync"])]
}

fn place(thing: &Value) -> String {
    if thing["port"] == 0 {
        return "-".into();
    }
    format!("{}:{}", cell(&thing["host"]), thing["port"])
}

/// Why it is not as wished for: the most telling condition.
pub fn reason(instance: &Value) -> Option<String> {
    let all = || instance["conditions"].as_array().into_iter().flatten();
    let bad = |kind: &str, good: &str| all().find(|c| c["type"] == kind && c["status"] != good).map(|c| cell(&c["message"]));
    bad("Blocked", "False").or_else(|| bad("Stalled", "False")).or_else(|| bad("Ready", "True"))
}

pub async fn users(client: &Client, name: &str, output: Output) -> Result<String, Failure> {
    let address = address(&find(client, name).await?);
    let all = client.get(&format!("{address}/users"), &[("sort_key", "name")]).await?;
    Ok(parts(&all, output, &["NAME", "STATUS", "REPLICATION", "REASON"], |user| {
        ["name", "status", "replication", "reason"].map(|key| cell(&user[key])).to_vec()
    }))
}

pub async fn databases(client: &Client, name: &str, output: Output) -> Result<String, Failure> {
    let address = address(&find(client, name).await?);
    let all = client.get(&format!("{address}/databases"), &[("sort_key", "name")]).await?;
    let users = client.get(&format!("{address}/users"), &[]).await?;
    Ok(parts(&all, output, &["NAME", "STATUS", "OWNER", "EXTENSIONS", "ADMIN", "READONLY", "REASON"], |database| {
        let owner = owner(database, &users).unwrap_or_else(|| "-".into());
        let roles = &database["roles"];
        let cells = [&database["name"], &database["status"], &owner.into(), &database["extensions"], &roles["admin"], &roles["readonly"], &database["reason"]];
        cells.map(cell).to_vec()
    }))
}

/// The name of the user that owns a database.
pub fn owner(database: &Value, users: &Value) -> Option<String> {
    let address = database["owner"].as_str()?;
    let found = users.as_array()?.iter().find(|user| user["uuid"].as_str().is_some_and(|uuid| address.ends_with(uuid)))?;
    Some(cell(&found["name"]))
}

fn parts(all: &Value, output: Output, head: &[&str], row: impl Fn(&Value) -> Vec<String>) -> String {
    match output {
        Output::Json => json(all),
        Output::Yaml => yaml(all),
        Output::Table => table(head, &all.as_array().into_iter().flatten().map(row).collect::<Vec<_>>()),
    }
}
