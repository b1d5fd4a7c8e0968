//! Brotli and gzip copies beside a file. The file's name carries the hash of its content, so a copy that exists is
//! never the copy of something older.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Below this the headers cost more than the saving.
const WORTHWHILE: usize = 512;

/// Writes `<file>.br` and `<file>.gz`, where text or code makes it worth while. Answers the names written or found.
pub fn beside(file: &Path, content: &[u8]) -> Result<Vec<String>> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let compressible = matches!(file.extension().and_then(|end| end.to_str()), Some("js" | "wasm" | "css" | "svg" | "txt" | "json" | "webmanifest"));
    if !compressible || content.len() < WORTHWHILE {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for (end, encode) in [("br", brotli as fn(&[u8]) -> _), ("gz", gzip)] {
        let copy = format!("{name}.{end}");
        let path = file.with_file_name(&copy);
        if !path.exists() {
            let packed = encode(content).with_context(|| format!("compressing {copy}"))?;
            write_whole(&path, &packed)?;
        }
        names.push(copy);
    }
    Ok(names)
}

/// Brotli at its best.
pub fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let mut packed = Vec::new();
    let best = BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: content.len(), ..BrotliEncoderParams::default() };
    brotli::BrotliCompress(&mut &content[..], &mut packed, &best)?;
    Ok(packed)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content)?;
    Ok(packed.finish()?)
}

/// A reader, or a run that was interrupted, sees all of the file or none of it.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let mut half = path.as_os_str().to_owned();
    half.push(".half");
    fs::write(&half, content).with_context(|| format!("writing {}", path.display()))?;
    fs::rename(&half, path).with_context(|| format!("writing {}", path.display()))
}
