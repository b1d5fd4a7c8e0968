//! One style sheet out of `style/*.css`, in cascade order.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use lightningcss::printer::PrinterOptions;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, StyleSheet};

const ORDER: [&str; 5] = ["tokens", "base", "layout", "components", "data"];

/// The style sheet, minified. Files that do not exist are left out, so that a workspace without styles still builds.
pub fn bundle(folder: &Path) -> Result<String> {
    let mut bundle = String::new();
    for name in ORDER {
        let file = folder.join(format!("{name}.css"));
        if file.is_file() {
            bundle += &minified(&file).with_context(|| format!("in {}", file.display()))?;
        }
    }
    Ok(bundle)
}

/// Nothing is rewritten for older browsers: the pages ask for nesting, layers and light-dark(). What cannot be read is
/// left out and said, as a browser would.
fn minified(file: &Path) -> Result<String> {
    let source = fs::read_to_string(file)?;
    let unread = Arc::default();
    let options = ParserOptions { error_recovery: true, warnings: Some(Arc::clone(&unread)), ..ParserOptions::default() };
    let mut sheet = StyleSheet::parse(&source, options).map_err(|error| anyhow!("{error}"))?;
    for warning in unread.read().iter().flat_map(|warnings| warnings.iter()) {
        eprintln!("warning: {}: {warning}", file.display());
    }
    sheet.minify(MinifyOptions::default()).map_err(|error| anyhow!("{error}"))?;
    let options = PrinterOptions { minify: true, ..PrinterOptions::default() };
    let printed = sheet.to_css(options).map_err(|error| anyhow!("{error}"))?;
    Ok(printed.code)
}
