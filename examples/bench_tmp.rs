//! tmp
use groma::cloud::PointCloud;
use groma::features::*;
use groma::job::*;
use std::time::Instant;
fn cpu() -> f64 { let s = std::fs::read_to_string("/proc/self/stat").unwrap(); let f: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect(); (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0 }
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let b = std::fs::read(&a[1]).unwrap();
    let p: Vec<f64> = b.chunks_exact(4).map(|c| (f32::from_le_bytes(c.try_into().unwrap()) as f64 * 100.0).round() / 100.0).collect();
    let mut cloud = PointCloud::from_positions(&p, 0.01).unwrap();
    let n = cloud.len();
    for c in ["return_number","number_of_returns"] { cloud.insert(c, groma::cloud::Values::U8(vec![1; n])).unwrap(); }
    let cols: Vec<String> = a[2].split(',').map(|s| s.to_string()).collect();
    let schema = if a[2].ends_with(".json") { Schema::from_spec(serde_json::from_str(&std::fs::read_to_string(&a[2]).unwrap()).unwrap()).unwrap() } else { Schema::parse(&cols).unwrap() };
    let threads: usize = a[3].parse().unwrap();
    for _ in 0..3 {
        let t = Instant::now(); let c = cpu();
        let sum = Job::new().threads(threads).run(|m| {
            let t0 = Instant::now();
            let e = Engine::new(&cloud, &schema, &Options::default(), m)?;
            let t1 = t0.elapsed().as_secs_f64();
            e.run(Stage::Features, m, || Ok(|_: &[u32], v: &mut [f32]| { std::hint::black_box(v); Ok(()) }))?;
            eprintln!("  prepare {t1:.3} run {:.3}", t0.elapsed().as_secs_f64() - t1);
            Ok(0)
        }).unwrap();
        println!("n {n} wall {:.3} cpu {:.2} {sum}", t.elapsed().as_secs_f64(), cpu() - c);
    }
}
