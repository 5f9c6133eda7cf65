//! The inputs the fuzzer found worth keeping, replayed without it. An input that broke a promise once is among them,
//! so that the promise is not broken again.

use std::fs;
use std::path::{Path, PathBuf};

use fuzz::targets::ALL;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[test]
fn every_input_of_the_corpus_keeps_its_targets_promises() {
    for target in ALL {
        let inputs = files(&folder("corpus").join(target.name));
        assert!(!inputs.is_empty(), "{}: the corpus is empty", target.name);
        for path in inputs {
            let input = fs::read(&path).expect("an input");
            let run = std::panic::AssertUnwindSafe(|| (target.run)(&input));
            assert!(std::panic::catch_unwind(run).is_ok(), "{} breaks a promise", path.display());
        }
    }
}

#[test]
fn every_folder_and_dictionary_is_of_a_target() {
    let is_target =
        |path: &PathBuf| ALL.iter().any(|target| path.file_stem().is_some_and(|name| name == target.name));
    for folder in [folder("corpus"), folder("dictionaries")] {
        let strangers: Vec<PathBuf> = files(&folder).into_iter().filter(|path| !is_target(path)).collect();
        assert!(strangers.is_empty(), "{strangers:?}");
    }
}
