//! What the cases begin with: a small synthetic survey as tensors and as files, written with the vectors and read by all.

use super::tensor::{self, Tensor, Tensors};
use groma::device::Placement;
use groma::filters::Filter;
use groma::filters::random::Amount;
use groma::job::Job;
use groma::pipeline::filters::{FilterOptions, filter_file};
use safetensors::tensor::Dtype;
use serde_json::Value;
use std::path::Path;

/// Points of the survey: ground on a slope, a house, a tree, and one point that is noise.
const POINTS: usize = 480;

/// The survey, in steps of a centimetre.
struct Survey {
    steps: [Vec<i32>; 3],
    return_number: Vec<u8>,
    number_of_returns: Vec<u8>,
    intensity: Vec<u16>,
    classification: Vec<u8>,
    gps_time: Vec<f64>,
}

/// Numbers that look random and are always the same.
struct Numbers(u64);

impl Numbers {
    /// From 0 to below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn survey() -> Survey {
    let mut numbers = Numbers(4);
    let mut below = |end: u64| i32::try_from(numbers.below(end)).unwrap();
    let (mut steps, mut returns, mut of_returns, mut intensity, mut classes) =
        ([Vec::new(), Vec::new(), Vec::new()], Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for i in 0..POINTS {
        // A line of 24 points a metre apart, 20 lines; the last point is far above everything.
        let column = i32::try_from(i % 24).unwrap();
        let line = i32::try_from(i / 24).unwrap();
        let (x, y) = (column * 100 + below(40), line * 100 + below(40));
        let ground = 10_000 + x / 20 + below(5);
        let house = (6..14).contains(&column) && (5..12).contains(&line);
        let tree = (column - 18).pow(2) + (line - 14).pow(2) <= 9;
        let (z, class, echo, echoes) = match i {
            _ if i + 1 == POINTS => (18_000, 18, 1, 1),
            _ if house => (10_650 - 30 * (column - 10).abs() + below(4), 6, 1, 1),
            _ if tree && below(3) > 0 => (ground + 150 + below(650), 5, 1, 2),
            _ if tree => (ground, 2, 2, 2),
            _ => (ground, 2, 1, 1),
        };
        for (axis, step) in steps.iter_mut().zip([x, y, z]) {
            axis.push(step);
        }
        returns.push(echo);
        of_returns.push(echoes);
        intensity.push(u16::try_from(100 + below(900)).unwrap());
        classes.push(class);
    }
    let gps_time = (0..POINTS).map(|i| 1000.0 + i as f64 / 8.0).collect();
    Survey {
        steps,
        return_number: returns,
        number_of_returns: of_returns,
        intensity,
        classification: classes,
        gps_time,
    }
}

/// A tensor that cases name.
fn named(name: &str) -> Option<Tensor> {
    let survey = survey();
    let [x, y, z] = &survey.steps;
    let metres = |steps: &[i32]| steps.iter().map(|step| f64::from(*step) / 100.0).collect::<Vec<f64>>();
    Some(match name {
        "x" => Tensor::row(&metres(x)),
        "y" => Tensor::row(&metres(y)),
        "z" => Tensor::row(&metres(z)),
        "xyz" => {
            let rows: Vec<f64> = x.iter().zip(y).zip(z).flat_map(|((x, y), z)| metres(&[*x, *y, *z])).collect();
            Tensor::new(&rows, &[POINTS, 3])
        }
        "ix" => Tensor::row(x),
        "iy" => Tensor::row(y),
        "iz" => Tensor::row(z),
        "return_number" => Tensor::row(&survey.return_number),
        "number_of_returns" => Tensor::row(&survey.number_of_returns),
        "intensity" => Tensor::row(&survey.intensity),
        "classification" => Tensor::row(&survey.classification),
        "gps_time" => Tensor::row(&survey.gps_time),
        // Infinity is no coordinate.
        "infinite" => Tensor::row(&[f64::INFINITY; POINTS]),
        "matrix" => Tensor::new(&(0..12).map(|i| i as f32 * 0.5 - 2.0).collect::<Vec<_>>(), &[4, 3]),
        "scalar" => Tensor::new(&[3.0f32], &[]),
        "features" => Tensor::new(&(0..10).map(|i| i as f32 * 0.25 - 1.0).collect::<Vec<_>>(), &[2, 5]),
        "weights" => Tensor::new(&(0..15).map(|i| (i % 4) as f32 - 1.5).collect::<Vec<_>>(), &[5, 3]),
        "bias" => Tensor::row(&[0.25f32, -0.5, 0.0]),
        _ => return number(name.strip_prefix("value_")?),
    })
}

/// Six numbers of a type, its extremes among them; as bytes, where files do not know the type.
fn number(kind: &str) -> Option<Tensor> {
    let bits = |dtype: Dtype, words: [u16; 6]| Tensor { dtype, ..Tensor::row(&words) };
    // Any bits are a number of these types; none of them is a NaN that could lose its sign on the way.
    let bytes = |count: u8| Tensor::row(&(0..count).map(|i| i.wrapping_mul(37) & 0x3f).collect::<Vec<u8>>());
    Some(match kind {
        "u8" => Tensor::row(&[0u8, 1, 2, 100, 254, u8::MAX]),
        "i8" => Tensor::row(&[i8::MIN, -1, 0, 1, 100, i8::MAX]),
        "u16" => Tensor::row(&[0u16, 1, 2, 1000, 65_534, u16::MAX]),
        "i16" => Tensor::row(&[i16::MIN, -1, 0, 1, 1000, i16::MAX]),
        "u32" => Tensor::row(&[0u32, 1, 2, 1_000_000, 4_000_000_000, u32::MAX]),
        "i32" => Tensor::row(&[i32::MIN, -1, 0, 1, 1_000_000, i32::MAX]),
        "u64" => Tensor::row(&[0u64, 1, 1 << 53, (1 << 53) + 1, 1 << 63, u64::MAX]),
        "i64" => Tensor::row(&[i64::MIN, -1, 0, 1, (1 << 53) + 1, i64::MAX]),
        "f32" => Tensor::row(&[f32::MIN, -1.5, -0.0, 1e-45, f32::MAX, f32::INFINITY]),
        "f64" => Tensor::row(&[f64::MIN, -1.5, -0.0, 5e-324, f64::MAX, f64::INFINITY]),
        "bool" => Tensor { dtype: Dtype::BOOL, ..Tensor::row(&[0u8, 1, 1, 0, 1, 0]) },
        "f16" => bits(Dtype::F16, [0x0000, 0x8000, 0x3c00, 0x0001, 0x7bff, 0x7c00]),
        "bf16" => bits(Dtype::BF16, [0x0000, 0x8000, 0x3f80, 0x0001, 0x7f7f, 0x7f80]),
        "c64" => bytes(48),
        "c128" => bytes(96),
        "f8e4m3fn" | "f8e4m3fnuz" | "f8e5m2" | "f8e5m2fnuz" | "f8e8m0" => bytes(6),
        "f4e2m1" | "u4" | "i4" => Tensor::row(&[0x10u8, 0x32, 0x75]),
        // Six numbers fill a byte and a half.
        "u2" | "i2" => Tensor::row(&[0xe4u8, 0x0d]),
        _ => return None,
    })
}

/// Writes `in.safetensors` of a case: the tensors that its steps name.
pub fn write(folder: &Path, case: &Value) {
    let mut names = Vec::new();
    collect(case, &mut names);
    let tensors: Tensors = names
        .into_iter()
        .map(|name| {
            let tensor = named(&name).unwrap_or_else(|| panic!("{}: no tensor is called `{name}`", folder.display()));
            (name, tensor)
        })
        .collect();
    tensor::write(&folder.join("in.safetensors"), &tensors);
}

/// All `@in:NAME` of a case.
fn collect(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::String(text) => names.extend(text.strip_prefix("@in:").map(String::from)),
        Value::Array(list) => list.iter().for_each(|value| collect(value, names)),
        Value::Object(map) => map.values().for_each(|value| collect(value, names)),
        _ => {}
    }
}

/// Writes `files`: the survey as LAS and LAZ, and files that are wrong.
pub fn write_files(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let (las, laz) = (folder.join("tile.las"), folder.join("tile.laz"));
    let bytes = las_file(&survey());
    std::fs::write(&las, &bytes).unwrap();
    std::fs::write(folder.join("cut.las"), &bytes[..5000]).unwrap();
    std::fs::write(folder.join("text.las"), "x y z\n1 2 3\n".repeat(40)).unwrap();
    std::fs::write(folder.join("text.so"), "not a library at all, but long enough to have a header of its own")
        .unwrap();
    let all = Filter::Random { amount: Amount::Fraction(1.0), seed: 0 };
    let devices = Placement::default();
    let options = FilterOptions { filter: all, mark: false, linear_unit_m: None, devices, overwrite: true };
    Job::new().run(|monitor| filter_file(&las, &laz, &options, monitor)).unwrap();
}

/// LAS 1.2, point format 1.
fn las_file(survey: &Survey) -> Vec<u8> {
    const HEADER: u16 = 227;
    const RECORD: u16 = 28;
    let mut bytes = vec![0; HEADER.into()];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"LASF");
    put(24, &[1, 2]);
    put(26, b"vectors");
    put(58, b"vectors");
    put(90, &1u16.to_le_bytes());
    put(92, &2026u16.to_le_bytes());
    put(94, &HEADER.to_le_bytes());
    put(96, &u32::from(HEADER).to_le_bytes());
    put(104, &[1]);
    put(105, &RECORD.to_le_bytes());
    put(107, &u32::try_from(POINTS).unwrap().to_le_bytes());
    for echo in 1..=5u8 {
        let count = survey.return_number.iter().filter(|number| **number == echo).count();
        put(107 + 4 * usize::from(echo), &u32::try_from(count).unwrap().to_le_bytes());
    }
    for (axis, steps) in survey.steps.iter().enumerate() {
        let metres = |step: i32| (f64::from(step) * 0.01).to_le_bytes();
        put(131 + 8 * axis, &0.01f64.to_le_bytes());
        put(179 + 16 * axis, &metres(*steps.iter().max().unwrap()));
        put(187 + 16 * axis, &metres(*steps.iter().min().unwrap()));
    }
    for i in 0..POINTS {
        for axis in &survey.steps {
            bytes.extend_from_slice(&axis[i].to_le_bytes());
        }
        bytes.extend_from_slice(&survey.intensity[i].to_le_bytes());
        bytes.push(survey.return_number[i] | survey.number_of_returns[i] << 3);
        bytes.extend_from_slice(&[survey.classification[i], 0, 0, 1, 0]);
        bytes.extend_from_slice(&survey.gps_time[i].to_le_bytes());
    }
    bytes
}
