//! Every real file, copied and changed: what is asked for changes, and nothing else does.

mod las_support;

use groma::io::las::WriteOptions;
use las_support::compare::*;
use las_support::*;

#[test]
fn every_file_survives_a_copy_and_an_update() {
    let Some((files, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = Vec::new();
    for (i, source) in files.iter().enumerate() {
        println!("{}", source.display());
        let raw = RawFile::read(source);
        for (mode, extension) in [("copy", "laz"), ("copy", "las"), ("update", "laz"), ("update", "las")] {
            let output = folder.path().join(format!("{i}_{mode}.{extension}"));
            let names = rewrite(source, &output, mode == "update", &WriteOptions::default()).unwrap();
            let written = RawFile::read(&output);
            compare_bytes(&raw, &written, mode == "update");
            compare_records(source, &output, mode == "update");
            compare_columns(source, &output, &names);
            jobs.push((source.clone(), output, mode, names));
        }
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), jobs.len(), "nothing else lies in the output folder");
    compare_with_laspy(&jobs);
}

#[test]
fn an_update_of_an_update_adds_nothing() {
    let Some((files, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    for source in files.iter().filter(|f| f.metadata().unwrap().len() < 100_000) {
        let [once, twice] = ["once.laz", "twice.laz"].map(|n| folder.path().join(n));
        let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
        let names = rewrite(source, &once, true, &options).unwrap();
        assert_eq!(rewrite(&once, &twice, true, &options).unwrap(), names);
        assert!(std::fs::read(&once).unwrap() == std::fs::read(&twice).unwrap(), "{}", source.display());
    }
}

#[test]
fn one_thread_writes_the_same_bytes_as_many() {
    let Some((files, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = files.iter().max_by_key(|f| f.metadata().unwrap().len()).unwrap();
    let outputs = [1, 5].map(|threads| {
        let output = folder.path().join(format!("{threads}.laz"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| rewrite(source, &output, true, &WriteOptions::default())).unwrap();
        std::fs::read(output).unwrap()
    });
    assert!(outputs[0] == outputs[1]);
}
