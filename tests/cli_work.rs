//! What the commands do to files: features, classes, the demo, and Ctrl-C.

#![cfg(feature = "cli")]

mod cli_support;

use cli_support::{has_runtime, names, run, survey};
use groma::cloud::Values;
use groma::features::Schema;
use groma::io::las::{Columns, LasReader, read_cloud};
use groma::io::matrix::{read_npy, read_safetensors};
use groma::job::Monitor;
use std::path::Path;

#[test]
fn features_say_the_same_in_every_kind_of_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    survey(&at("in.laz"), 30.0, 10.0);
    let text = |name: &str| at(name).to_string_lossy().into_owned();
    let columns = ["planarity@k20", "height_above_ground", "number_of_returns"];
    for output in ["out.npy", "out.safetensors", "out.laz"] {
        let done = run(&["features", &text("in.laz"), "-o", &text(output), "--columns", &columns.join(",")]);
        assert_eq!(done.code, 0, "{}", done.err);
        let again = run(&["features", &text("in.laz"), "-o", &text(output), "--columns", &columns.join(",")]);
        again.refused(20, "exists already");
    }
    let npy = read_npy(&at("out.npy")).unwrap();
    let (tensor, description) = read_safetensors(&at("out.safetensors")).unwrap();
    assert_eq!(npy, tensor);
    assert_eq!(description.columns, columns);
    assert_eq!(description.schema_hash, Schema::parse(&columns).unwrap().hash());
    let cloud = read_cloud(&at("out.laz"), &Columns::All, &Monitor::default()).unwrap();
    assert_eq!(cloud.len(), npy.rows);
    for (c, name) in columns.iter().enumerate().take(2) {
        let Some(Values::F32(values)) = cloud.column(name) else { panic!("{name}") };
        assert!(values.iter().enumerate().all(|(row, v)| *v == npy.values[row * columns.len() + c]), "{name}");
    }
    // A name that the format has for itself is not taken twice.
    let Some(Values::F32(returns)) = cloud.column("feature_number_of_returns") else { panic!("number_of_returns") };
    assert!(returns.iter().enumerate().all(|(row, v)| *v == npy.values[row * columns.len() + 2]));

    // The schema of one file makes the next.
    std::fs::write(at("schema.json"), &description.schema).unwrap();
    let done = run(&["features", &text("in.laz"), "-o", &text("again.npy"), "--schema", &text("schema.json")]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(read_npy(&at("again.npy")).unwrap(), npy);
    std::fs::write(at("schema.json"), "{\"version\": 1,\n \"colums\": []}").unwrap();
    run(&["features", &text("in.laz"), "-o", &text("no.npy"), "--schema", &text("schema.json")])
        .refused(20, "schema.json: damaged at line 2");
}

#[test]
fn the_device_is_the_one_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    survey(Path::new(&at("in.laz")), 20.0, 8.0);
    let features = ["features", &at("in.laz"), "-o", &at("out.npy"), "--columns", "planarity@k10"];
    let voxels = ["filter", "voxel", &at("in.laz"), "-o", &at("out.laz")];
    for command in [&features[..], &voxels] {
        for name in ["cuda:999", "cuda:0,999"] {
            run(&[command, &["--device", name]].concat()).refused(40, "device `cuda:");
        }
        run(&[command, &["--device", "toaster"]].concat()).refused(10, "the device `toaster`");
        let done = run(&[command, &["--device", "cpu", "--json"]].concat());
        assert_eq!((done.code, &done.objects()[0]["device"]), (0, &"cpu".into()), "{}{}", done.out, done.err);
    }
    // Refused before anything is read, and without a look for GPUs where there is nothing to gain.
    let chance = ["filter", "random", &at("in.laz"), "-o", &at("few.laz"), "--count", "9"];
    assert_eq!(run(&[&chance[..], &["--device", "auto"]].concat()).code, 0);
    let size = run(&["doctor", "--fits", "three bananas"]);
    assert!(size.code == 2 && size.err.contains("write a size as 800MB"), "{}", size.err);
    if has_runtime() {
        let doctor = run(&["doctor", "--fits", "1kB", "--batches", "--json"]);
        let said = &doctor.objects()[0];
        assert_eq!(said["fits"]["bytes"], 1000, "{said}");
        assert!(said["batches"][0]["rows"].as_u64().is_some_and(|rows| rows > 0), "{said}");
    }
}

#[test]
fn bench_prints_what_the_driver_reads() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.laz");
    let points = survey(&file, 30.0, 10.0).cloud.len();
    for stage in ["features", "knn", "las-read", "las-xyz"] {
        let done = run(&["bench", stage, file.to_str().unwrap(), "--k", "12", "--rounds", "2"]);
        assert_eq!(done.code, 0, "{}", done.err);
        let lines: Vec<serde_json::Value> =
            done.out.lines().map(|l| serde_json::from_str(l.strip_prefix("RESULT ").unwrap()).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        for line in &lines {
            assert_eq!((&line["stage"], &line["n"]), (&"total".into(), &points.into()));
            assert!(line["wall"].as_f64().unwrap() > 0.0 && line["cpu"].is_number() && line["rss"].is_number());
        }
        assert_eq!(lines[0]["check"], lines[1]["check"]);
        let check: f64 = lines[0]["check"].as_str().unwrap().parse().unwrap();
        // |n_z| of mostly ground; the 12th of 10 points a square metre is 0.6 m away on flat ground.
        match stage {
            "features" => assert!((0.6..1.0).contains(&check), "{check}"),
            "knn" => assert!((0.2..2.0).contains(&check), "{check}"),
            _ => {
                let cloud = read_cloud(&file, &Columns::Coordinates, &Monitor::default()).unwrap();
                let sum: i64 = cloud.coordinates()[2].iter().map(|&z| i64::from(z)).sum();
                assert!((check - sum as f64 / points as f64).abs() < 1e-3, "{check}");
            }
        }
    }
    let done = run(&["bench", "las-write", file.to_str().unwrap()]);
    let size = format!("{:.1}MB", file.metadata().unwrap().len() as f64 / 1e6);
    assert!(done.code == 0 && done.out.contains(&size), "{}{}", done.out, done.err);
    assert_eq!(names(folder.path()), ["in.laz"]);
}

#[test]
fn classify_changes_classes_and_nothing_else() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let text = |name: &str| at(name).to_string_lossy().into_owned();
    let made = survey(&at("in.laz"), 40.0, 10.0);
    let arguments = ["classify", &text("in.laz"), "-o", &text("out.laz"), "--probabilities", "--json"];
    let reports = ["--report", &text("page.html"), "--png", &text("view.png")];
    let done = run(&[&arguments[..], &reports[..]].concat());
    assert_eq!(done.code, 0, "{}", done.err);
    let objects = done.objects();
    assert_eq!(objects.len(), 2);
    let summary = &objects[0];
    assert_eq!((&summary["status"], &summary["points"]), (&"ok".into(), &made.cloud.len().into()));
    let counts = summary["class_counts"].as_array().unwrap();
    assert_eq!(counts.iter().map(|c| c[1].as_u64().unwrap()).sum::<u64>(), made.cloud.len() as u64);
    assert!(summary["timings"]["total_s"].as_f64().unwrap() > 0.0);

    let reader = LasReader::open(&at("out.laz")).unwrap();
    let added: Vec<&str> = reader.header().extra_dimensions.iter().map(|d| d.name.as_str()).collect();
    assert!(added.contains(&"confidence") && added.contains(&"entropy"), "{added:?}");
    assert!(added.iter().filter(|n| n.starts_with("p_")).count() >= 2, "{added:?}");
    let out = read_cloud(&at("out.laz"), &Columns::All, &Monitor::default()).unwrap();
    assert_eq!(out.coordinates(), made.cloud.coordinates());
    for column in made.cloud.columns().iter().filter(|c| c.name != "classification" && c.name != "scan_angle") {
        assert_eq!(out.column(&column.name), Some(&column.values), "{}", column.name);
    }
    assert_eq!(names(folder.path()), ["in.laz", "out.laz", "page.html", "view.png"]);

    let plain = run(&["classify", &text("in.laz"), "-o", &text("plain.laz"), "--no-confidence", "--no-entropy", "-q"]);
    assert_eq!((plain.code, plain.out.as_str(), plain.err.as_str()), (0, "", ""));
    assert!(LasReader::open(&at("plain.laz")).unwrap().header().extra_dimensions.is_empty());
    run(&["classify", &text("in.laz"), "-o", &text("plain.laz")]).refused(20, "exists already");
    run(&["classify", &text("in.laz"), "-o", &text("new.laz"), "--png", &text("view.png")]).refused(20, "view.png");
    assert!(!at("new.laz").exists());
}

#[test]
fn the_demo_scores_itself() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("demo");
    let arguments = ["demo", "-o", out.to_str().unwrap(), "--side", "60", "--density", "8", "--json"];
    let done = run(&arguments);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(names(&out), ["classified.laz", "classified.png", "report.html", "survey.laz"]);
    let objects = done.objects();
    let score = objects.last().unwrap();
    let accuracy = score["accuracy"].as_f64().unwrap();
    let classes = score["classes"].as_array().unwrap();
    assert!((0.0..=1.0).contains(&accuracy) && classes.len() == 4);
    // The score is that of the files that were written.
    let count = |name: &str| {
        let cloud = read_cloud(&out.join("classified.laz"), &Columns::All, &Monitor::default()).unwrap();
        let Some(Values::U8(v)) = cloud.column(name) else { panic!("{name}") };
        v.clone()
    };
    let group = |c: u8| [2, 3, 6].iter().position(|g| *g == if c == 4 || c == 5 { 3 } else { c }).unwrap_or(3);
    let (truth, found) = (count("true_class"), count("classification"));
    let hits = truth.iter().zip(&found).filter(|(t, f)| group(**t) == group(**f)).count();
    assert!((hits as f64 / truth.len() as f64 - accuracy).abs() < 1e-12);
    run(&arguments[..7]).refused(20, "exists already");
}

/// Ctrl-C stops within a second, says so by the exit code, and leaves nothing half-written.
#[cfg(unix)]
#[test]
fn ctrl_c_stops_at_once_and_leaves_nothing() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("in.laz");
    survey(&input, 260.0, 16.0);
    let stop = |arguments: &[&str], out: &Path, ready: &dyn Fn() -> bool| {
        std::fs::create_dir(out).unwrap();
        let mut child = cli_support::groma()
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the built binary starts");
        let patience = Instant::now();
        while !ready() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
            assert!(patience.elapsed() < Duration::from_secs(30), "it never began");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(150));
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        let asked = Instant::now();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let end = cli_support::said(&child.wait_with_output().unwrap());
        assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
        end.refused(130, "cancelled");
        assert_eq!(names(out), Vec::<String>::new());
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let out = folder.path().join("features");
    let target = text(&out.join("a.npy"));
    let started = Instant::now();
    stop(&["features", &text(&input), "-o", &target, "--set", "asprs", "--threads", "1"], &out, &|| {
        started.elapsed() > Duration::from_millis(300)
    });
    if has_runtime() {
        let out = folder.path().join("classes");
        let target = text(&out.join("a.laz"));
        // The writer's temporary file shows that the work has begun.
        stop(&["classify", &text(&input), "-o", &target, "--threads", "1"], &out, &|| !names(&out).is_empty());
    }
}
