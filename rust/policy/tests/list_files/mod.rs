//! Lists on disk for a test, and what compiling them gives.

use flate2::{Compression, write::GzEncoder};
use schoolgate_policy::{
    Categories, CompileError, CompileReport, FeedError, FeedForm, Input, Inspection, Limits, ProtectedNames, RuleKind,
    Snapshot, SuffixHashes, Trust, compile_snapshot, inspect_list, listed_name,
};
use std::io::Write;
use std::path::PathBuf;

pub struct Lists(pub PathBuf);

#[allow(dead_code)] // each test file uses its part of it
impl Lists {
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("schoolgate-lists-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }

    pub fn file(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(&path, octets).expect("a list");
        path
    }

    pub fn inspect(&self, octets: &[u8], dialect: Option<&str>) -> Result<Inspection, FeedError> {
        let path = self.file("inspected", octets);
        inspect_list(&path, &form(dialect, Limits::default()), &ProtectedNames::default(), Trust::default())
    }

    pub fn feed(&self, name: &str, octets: &[u8], dialect: Option<&str>) -> Input {
        let path = self.file(name, octets);
        let dialect = dialect.map(|word| word.parse().expect("a dialect"));
        Input::feed(path, "feed".into(), Categories::One("games".into()), RuleKind::Suffix, dialect)
    }

    pub fn compile(&self, inputs: &[Input], protected: &[&str]) -> Result<(CompileReport, Snapshot), CompileError> {
        let out = self.0.join("lists.snapshot");
        let report = compile_snapshot(inputs, &out, 1, &protected_names(protected))?;
        Ok((report, Snapshot::open(&out).expect("a sound snapshot")))
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[allow(dead_code)]
pub fn form(dialect: Option<&str>, limits: Limits) -> FeedForm {
    let dialect = dialect.map(|word| word.parse().expect("a dialect"));
    FeedForm { dialect, unmarked: RuleKind::Suffix, limits }
}

pub fn protected_names(names: &[&str]) -> ProtectedNames {
    ProtectedNames::new(names.iter().map(|name| listed_name(name).expect("a name")))
}

/// The `feed/category` sources that list a name.
#[allow(dead_code)]
pub fn listed(snapshot: &Snapshot, name: &str) -> Vec<String> {
    let name = listed_name(name).expect("a name");
    let found = snapshot.names().find(&name, &mut SuffixHashes::default());
    let sources = snapshot.names().set(found.set).iter().filter_map(|at| snapshot.sources().get(*at as usize));
    sources.map(|source| format!("{}/{}", source.feed, source.category)).collect()
}

#[allow(dead_code)]
pub fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(octets).expect("packed");
    packer.finish().expect("packed")
}

#[allow(dead_code)]
pub fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, octets) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(octets.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *octets).expect("a member");
    }
    archive.into_inner().expect("an archive")
}

#[allow(dead_code)]
pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, octets) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).expect("a member");
        archive.write_all(octets).expect("a member");
    }
    archive.finish().expect("an archive").into_inner()
}
