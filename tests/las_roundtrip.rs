//! Every real file, copied and changed: what is asked for changes, and nothing else does.

mod las_support;

use groma::io::las::{LasReader, LasWriter, NewRecord, Update, WriteOptions};
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

/// Copies a file with a record added, which is reserved with 100 bytes and filled at the end.
fn with_record(source: &std::path::Path, output: &std::path::Path, data: &[u8]) -> groma::Result<()> {
    let mut reader = LasReader::open(source)?;
    let (user_id, description) = ("host".into(), "a record of a host".into());
    let record = NewRecord { user_id, record_id: 3, description, data: vec![b' '; 100] };
    let mut writer = LasWriter::create_with_record(&reader, output, &[], Some(record), &WriteOptions::default())?;
    let mut batch = Vec::new();
    while reader.read_records(30_011, &mut batch)? > 0 {
        writer.write(&batch, &Update::default())?;
    }
    writer.finish_with_record(data)
}

#[test]
fn a_record_is_added_then_replaced_and_nothing_else_changes() {
    let Some((files, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = Vec::new();
    for (i, source) in files.iter().enumerate() {
        let [once, twice, bad] = ["once.laz", "twice.laz", "bad.laz"].map(|n| folder.path().join(format!("{i}_{n}")));
        with_record(source, &once, b"first, and longer").unwrap();
        with_record(&once, &twice, b"second").unwrap();
        for (output, data) in [(&once, &b"first, and longer"[..]), (&twice, b"second")] {
            let mut written = RawFile::read(output);
            let of_host: Vec<_> = written.vlrs.iter().filter(|v| v.is("host", 3)).collect();
            assert_eq!(of_host.len(), 1, "{}", source.display());
            assert!(of_host[0].data.starts_with(data) && of_host[0].data.len() == 100);
            assert!(of_host[0].data[data.len()..].iter().all(|&b| b == b' '), "nothing of the first is left");
            written.vlrs.retain(|v| !v.is("host", 3));
            compare_bytes(&RawFile::read(source), &written, false);
            compare_records(source, output, false);
            jobs.push((source.clone(), output.clone(), "record", Vec::new()));
        }
        let error = with_record(source, &bad, &[b'x'; 101]).unwrap_err().to_string();
        assert!(error.contains("101 bytes") && error.contains("100"), "{error}");
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), jobs.len(), "nothing half-written stays");
    compare_with_laspy(&jobs);
}
