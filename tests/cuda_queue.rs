//! A GPU at work, on a machine whose driver is a fake that runs the kernels in the emulator (tests/cuda/fake_work.c): contexts,
//! streams, pinned copies, kernels found in their PTX, errors of the driver.
//!
//! A process has one driver for good, so each case runs in a process of its own: this test program again.
#![cfg(all(feature = "cuda", target_os = "linux"))]
#![allow(unsafe_code)]

mod c;
#[cfg(feature = "cli")]
mod cli_support;
#[path = "cuda/compare.rs"]
mod compare;
#[path = "cuda/fake.rs"]
mod fake;
mod features_support;
mod kernels_support;

use compare::{compare, on_device};
use fake::{MARK, SCENARIO, child as play, working_driver};
use features_support::{cloud, run, schema};
use groma::cloud::PointCloud;
use groma::device::cuda::index::Index;
use groma::device::cuda::{Buffer, Machine, Queue, Shared};
use groma::features::{Options, Search};
use groma::job::{CancelToken, Monitor};
use groma::neighbors::lattice::Lattice;

/// The child's part: not a test of its own.
#[test]
fn child() {
    match std::env::var(SCENARIO).as_deref() {
        Ok("features") => features(),
        Ok("copies") => copies(),
        Ok("forgotten") => {
            let machine: Shared = Queue::open(0).unwrap();
            let ahead = Buffer::ahead(&machine, &[1u8, 2, 3]).unwrap();
            println!("{MARK}{:?}", ahead.to_vec().unwrap());
        }
        Ok("open") => match Queue::open(0) {
            Ok(queue) => println!("{MARK}{}", queue.id()),
            Err(error) => println!("{MARK}{} {error}", error.code()),
        },
        Ok("work") => match work() {
            Ok(()) => println!("{MARK}0"),
            Err(error) => println!("{MARK}{} {error}", error.code()),
        },
        _ => {}
    }
}

/// What the driver holds: streams, events, bytes, the most bytes that there ever were.
fn balance() -> [i64; 4] {
    let mut out = [0; 4];
    // SAFETY: the fake driver fills four numbers.
    unsafe {
        let library = libloading::Library::new("libcuda.so.1").unwrap();
        library.get::<unsafe extern "C" fn(*mut i64)>(b"fake_cuda_balance\0").unwrap()(out.as_mut_ptr());
    }
    out
}

fn spread(count: u32) -> PointCloud {
    let mut state = 5u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / 16_777_216.0
    };
    let positions: Vec<f64> = (0..count).flat_map(|_| [next() * 40.0, next() * 30.0, next().powi(3) * 9.0]).collect();
    cloud(&positions, 0.001)
}

fn features() {
    let queue = Queue::open(1).unwrap();
    assert_eq!((queue.id(), queue.ordinal()), ("cuda:1", Some(1)));
    assert!(queue.stream().is_some());
    let bandwidth = |gpu| Queue::open(gpu).unwrap().context().memory_bandwidth().unwrap();
    assert_eq!([bandwidth(1), bandwidth(0)], [Some(4.916_736e12), None]);
    let machine: Shared = queue.clone();
    let (cloud, schema) = (spread(3000), schema());
    let expected = run(&cloud, &schema, Options::default());
    for search in [Search::Grid, Search::KdTree] {
        let options = Options { search, block_size_m: Some(15.0), ..Options::default() };
        let before = queue.moment().unwrap();
        compare(&expected, &on_device(&cloud, &schema, &options, &machine));
        assert_eq!(queue.moment().unwrap().seconds_since(&before).unwrap(), 0.0025);
    }
    let [streams, _, bytes, most] = balance();
    assert!(streams == 2 && bytes == 0 && most > 1 << 18, "{streams} {bytes} {most}");
    drop((machine, queue));
    assert_eq!(balance()[..3], [0, 0, 0]);
    println!("{MARK}equal");
}

/// Copies of all lengths around the halves of the pinned memory.
fn copies() {
    let queue = Queue::open(0).unwrap();
    let machine: Shared = queue;
    for bytes in [0, 1, 4095, (8 << 20) - 1, 8 << 20, (8 << 20) + 1, 27_000_001] {
        let values: Vec<u8> = (0..bytes).map(|i: usize| (i * 31 + i / 977) as u8).collect();
        let buffer = Buffer::from_slice(&machine, &values).unwrap();
        assert!(buffer.to_vec().unwrap() == values, "{bytes} bytes");
        assert!(Buffer::<u8>::zeros(&machine, bytes).unwrap().to_vec().unwrap().iter().all(|&byte| byte == 0));
    }
    // What goes ahead is there once the queue was told to wait for it, and may be freed before.
    let values: Vec<u32> = (0..3_000_000).collect();
    let ahead = Buffer::ahead(&machine, &values).unwrap();
    machine.join_ahead().unwrap();
    assert!(ahead.to_vec().unwrap() == values);
    let (kept, dropped) = (Buffer::ahead(&machine, &values).unwrap(), Buffer::ahead(&machine, &[7u8]).unwrap());
    drop(dropped);
    drop(Buffer::ahead(&machine, &[8u8]).unwrap());
    machine.join_ahead().unwrap();
    assert!(kept.to_vec().unwrap() == values);
    println!("{MARK}copied");
}

fn work() -> groma::Result<()> {
    let machine: Shared = Queue::open(0)?;
    let lattice = Lattice::new(&spread(2000), 1.0)?;
    let index = Index::new(&machine, &lattice, None, Search::Auto, &Monitor::new(CancelToken::new()))?;
    index.rows().to_vec().map(|rows| assert_eq!(rows.len(), 2000))
}

/// What a child says on a machine with `variables`.
fn says(scenario: &str, variables: &[(&str, &str)]) -> Option<Vec<String>> {
    let folder = c::folder(&format!("cuda-queue-{scenario}-{}", variables.len()));
    working_driver(&folder)?;
    let library = kernels_support::library()?.to_str()?;
    let variables = [&[("FAKE_CUDA_KERNELS", library)], variables].concat();
    Some(play(&folder, scenario, &variables))
}

#[test]
fn a_gpu_gives_the_features_of_the_cpu_and_keeps_nothing() {
    let Some(said) = says("features", &[("FAKE_CUDA_MEMORY_KHZ_0", "0")]) else { return };
    assert_eq!(said, ["equal"]);
}

/// The check of the test above can fail: without the wait the copy is not there.
#[test]
fn a_copy_that_nobody_waits_for_is_not_there() {
    let Some(said) = says("forgotten", &[]) else { return };
    assert_eq!(said, ["[205, 205, 205]"]);
}

#[test]
fn what_is_copied_comes_back() {
    let Some(said) = says("copies", &[]) else { return };
    assert_eq!(said, ["copied"]);
}

/// A runtime for the CPU only beside GPUs that are there: who asks for them is refused, who leaves the choice is told.
#[test]
#[cfg(feature = "cli")]
fn a_runtime_without_cuda_is_refused_or_said() {
    let folder = c::folder("cuda-queue-runtime");
    let (Some(()), Some(runtime)) = (working_driver(&folder), c::runtime()) else { return };
    let (input, output) = (folder.join("in.laz"), folder.join("out"));
    cli_support::survey(&input, 20.0, 4.0);
    let classify = |device: &str| {
        let mut command = fake::on(&folder, cli_support::groma(), &[]);
        command.env("GROMA_ONNXRUNTIME", &runtime).arg("classify").arg(&input).arg("-o").arg(&output);
        cli_support::said(&command.args(["--device", device, "--overwrite", "--json"]).output().unwrap())
    };
    for device in ["cuda", "cuda:0,2", "all"] {
        let said = classify(device);
        assert_eq!(said.code, 40, "{device}: {}{}", said.out, said.err);
        assert!(
            said.out.contains("onnxruntime-gpu") || said.err.contains("onnxruntime-gpu"),
            "{}{}",
            said.out,
            said.err
        );
        assert!(!output.join("in.laz").exists());
    }
    let said = classify("cuda:7");
    assert!(said.code == 40 && (said.out + &said.err).contains("cuda:7"), "no such GPU");
    let said = classify("auto");
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let summary = said.objects().into_iter().find(|object| object["device"] == "cpu").expect("the device is said");
    assert!(summary["device_remark"].as_str().unwrap().contains("onnxruntime-gpu"), "{summary}");
    let said = classify("cpu");
    let summary = said.objects().into_iter().find(|object| object["device"] == "cpu").unwrap();
    assert!(summary.get("device_remark").is_none(), "{summary}");
}

/// What a child does, on which machine, and words of what it says.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn what_the_driver_refuses_is_said() {
    let cases: [Case; 6] = [
        ("open", &[("FAKE_CUDA_CAPABILITY_0", "61")], &["400 ", "cuda:0", "6.1", "7.5"]),
        ("open", &[("FAKE_CUDA_POOLS_0", "0")], &["400 ", "cuda:0", "memory pools"]),
        ("work", &[("FAKE_CUDA_MEMORY", "20000")], &["401 ", "cuda:0", "bytes are needed", "out of memory"]),
        ("work", &[("FAKE_CUDA_FAIL_AFTER", "3")], &["402 ", "cuda:0", "illegal memory access"]),
        ("work", &[("FAKE_CUDA_BAD_PTX", "1")], &["cuda:0", "cannot compile the kernel", "line 7; fatal"]),
        ("work", &[], &["0"]),
    ];
    for (scenario, variables, words) in cases {
        let Some(said) = says(scenario, variables) else { return };
        assert!(said.len() == 1 && words.iter().all(|word| said[0].contains(word)), "{variables:?}: {said:?}");
    }
}
