//! The few requests of the bench by hand, since every `./dev up` would have to compile a client. Whether PostgreSQL takes connections, likewise.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
pub struct Answer {
    /// 200 and the like.
    pub status: u16,
    head: String,
    /// As text.
    pub body: String,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The body of an answer that must have this status.
    pub fn json(&self, status: u16) -> Result<Value> {
        if self.status != status {
            bail!("answered {} instead of {status}: {}", self.status, self.body);
        }
        serde_json::from_str(&self.body).with_context(|| format!("an answer that is no JSON: {}", self.body))
    }
}

/// One request on a connection of its own. `host`: `127.0.0.1:8080`. HTTP/1.0, so that the answer is whole when the connection ends.
pub fn ask(host: &str, method: &str, path: &str, header: &str, body: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(host).with_context(|| format!("connecting to {host}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\n{header}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(|| format!("{method} {path}"))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("{method} {path}: no answer"))?;
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).with_context(|| format!("{method} {path}: {head}"))?;
    Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
}

/// Waits until the PostgreSQL on this port lets a connection come as far as authentication, which it refuses while it starts. As pg_isready looks at it,
/// but without a program to start.
pub fn until_accepted(port: u16) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while !accepts(port) {
        if Instant::now() > until {
            bail!("nothing accepts connections on port {port}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn accepts(port: u16) -> bool {
    let knock = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let parameters = b"user\0postgres\0database\0postgres\0\0";
        let mut startup = (parameters.len() as u32 + 8).to_be_bytes().to_vec();
        startup.extend(196_608_u32.to_be_bytes());
        startup.extend(parameters);
        stream.write_all(&startup)?;
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer)?;
        answer.truncate(length);
        Ok(answer)
    };
    // "R": which authentication. "E": an error; 57P03 means that it starts, any other that it does not like us.
    knock().is_ok_and(|answer| answer.first() == Some(&b'R') || (answer.first() == Some(&b'E') && !answer.windows(6).any(|w| w == b"C57P03")))
}
