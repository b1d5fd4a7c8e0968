//! Nothing committed knows on which machine it was written.

use std::path::Path;

use crate::none;
use crate::tree::{files, root};

#[test]
fn no_file_names_a_folder_of_the_machine_it_was_written_on() {
    let mut folders = vec![root()];
    // `/src/howdah` gives away `/src`; but `/tmp`, say, is the same everywhere.
    folders.extend(root().parent().filter(|folder| folder.parent().is_some() && !is_everywhere(folder)));
    let names: Vec<String> = folders.iter().map(|folder| format!("{}/", folder.display())).collect();
    let mut found = Vec::new();
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            if names.iter().any(|name| line.contains(name.as_str())) {
                found.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    none(found);
}

fn is_everywhere(folder: &Path) -> bool {
    ["/home", "/mnt", "/opt", "/root", "/srv", "/tmp", "/usr", "/usr/src", "/var", "/var/tmp"].iter().any(|known| folder == Path::new(known))
}

#[test]
fn lock_files_name_no_download_address() {
    let lock = files().into_iter().find(|file| file.path == "end2end/package-lock.json");
    let resolved = lock.map_or(0, |file| file.text.matches("\"resolved\"").count());
    assert_eq!(resolved, 0, "run npm with --omit-lockfile-registry-resolved");
}
