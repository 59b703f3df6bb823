//! Cancel flags, and what all long calls share: threads, progress, cancellation, and fields of options.

use super::Answer;
use super::basics::Options;
use crate::vectors_support::expect;
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::Result as Outcome;
use groma::capi;
use groma::device::Request;
use groma::features::Search;
use groma::filters::ground_points::GroundOptions;
use groma::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use groma::job::{CancelToken, Job, Monitor};
use groma::pipeline::ClassifyOptions;
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::ffi::CStr;
use std::ops::ControlFlow;
use std::path::PathBuf;

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    let flag = || args.thing::<CancelToken>(run, "cancel");
    Some(match name {
        "groma_cancel_create" => create(),
        "groma_cancel_trigger" => flag().map_err(Trouble::from).and_then(|flag| {
            flag.cancel();
            Reply::nothing()
        }),
        "groma_cancel_is_triggered" => {
            flag().map_err(Trouble::from).and_then(|flag| Reply::value(i32::from(flag.is_cancelled())))
        }
        _ => return None,
    })
}

/// The hooks for tests are in the C skin, so it is the C function that is asked; what it makes is a flag of Rust.
fn create() -> Result<Reply, Trouble> {
    let (mut flag, mut error) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: both places are there, and what was made is destroyed once.
    let failed = unsafe {
        let status = capi::cancel::groma_cancel_create(&raw mut flag, &raw mut error);
        capi::cancel::groma_cancel_destroy(flag);
        let text = |text: *const std::ffi::c_char| match text.is_null() {
            true => String::new(),
            false => CStr::from_ptr(text).to_string_lossy().into_owned(),
        };
        let said = (!error.is_null()).then(|| {
            let [what, subject] = [capi::error::groma_error_message(error), capi::error::groma_error_subject(error)];
            (status, text(what), text(subject))
        });
        capi::error::groma_error_destroy(error);
        said
    };
    match failed {
        None => Reply::give("cancel", CancelToken::new()),
        Some((901, what, _)) => Err(groma::Error::Panic { what }.into()),
        Some((401, what, device)) => Err(groma::Error::DeviceMemory { device, what }.into()),
        Some((402, what, device)) => Err(groma::Error::DeviceFailed { device, what }.into()),
        Some((_, what, _)) => Err(groma::Error::Internal { what }.into()),
    }
}

/// The fields of a call's options, with the types that Rust has for them.
pub struct Fields<'r, 'a> {
    run: &'r Run<'a>,
    fields: Map<String, Value>,
}

impl<'r, 'a> Fields<'r, 'a> {
    /// Those that the argument `options` names; none for NULL.
    pub fn of(run: &'r Run<'a>, args: &Args) -> Result<Self, Trouble> {
        Self::named(run, args, "options")
    }

    /// Those that an argument of another name names.
    pub fn named(run: &'r Run<'a>, args: &Args, name: &str) -> Result<Self, Trouble> {
        let options = args.thing_or_none::<Options>(run, name)?;
        Ok(Self { run, fields: options.map(|options| options.0.clone()).unwrap_or_default() })
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub fn whole(&self, name: &str, otherwise: i64) -> Result<i64, Trouble> {
        Ok(self.get(name).map_or(Ok(otherwise), |value| expect::whole(self.run.api, value))?)
    }

    pub fn real(&self, name: &str, otherwise: f64) -> f64 {
        self.get(name).and_then(Value::as_f64).unwrap_or(otherwise)
    }

    pub fn flag(&self, name: &str, otherwise: bool) -> Result<bool, Trouble> {
        Ok(self.whole(name, otherwise.into())? != 0)
    }

    /// A length, or none for 0.
    pub fn length(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(Value::as_f64).filter(|length| *length != 0.0)
    }

    pub fn text(&self, name: &str) -> Result<Option<String>, Trouble> {
        Ok(self.get(name).and_then(Value::as_str).map(|text| self.run.resolved(text)).transpose()?)
    }

    pub fn path(&self, name: &str) -> Result<Option<PathBuf>, Trouble> {
        Ok(self.text(name)?.map(PathBuf::from))
    }

    /// The devices to work on; the CPU where nothing is said.
    pub fn device(&self) -> Result<Request, Trouble> {
        Ok(self.text("device")?.map_or(Ok(Request::Cpu), |name| name.parse())?)
    }

    pub fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        let list = self.get(name)?.as_array()?;
        list.iter().map(|value| value.as_u64().and_then(|value| u8::try_from(value).ok())).collect()
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        let list = self.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        list.iter().filter_map(|text| text.as_str().map(String::from)).collect()
    }

    /// Text, or the text of a JSON object.
    pub fn json(&self, name: &str) -> Result<Option<String>, Trouble> {
        match self.get(name) {
            Some(object @ Value::Object(_)) => Ok(Some(object.to_string())),
            _ => self.text(name),
        }
    }

    /// Whether a flag or a callback watches the call.
    pub fn is_watched(&self) -> bool {
        self.get("cancel").is_some() || self.get("progress").is_some()
    }

    pub fn point_format(&self) -> Result<Option<u8>, Trouble> {
        match self.whole("point_format", -1)? {
            -1 => Ok(None),
            other => Ok(Some(u8::try_from(other).map_err(|_| out_of_range("point_format", other))?)),
        }
    }

    pub fn search(&self) -> Result<Search, Trouble> {
        match self.whole("search", 0)? {
            0 => Ok(Search::Auto),
            1 => Ok(Search::Grid),
            2 => Ok(Search::KdTree),
            other => Err(out_of_range("search", other).into()),
        }
    }

    /// Runs `work` as the options say.
    pub fn run<T: Send>(&self, work: impl FnOnce(&Monitor) -> Outcome<T> + Send) -> Result<T, Trouble> {
        let threads = usize::try_from(self.whole("threads", 0)?).unwrap_or(usize::MAX);
        let mut job = Job::new().threads(threads);
        if let Some(reference) = self.get("cancel").and_then(Value::as_str) {
            let flag = self.run.thing::<CancelToken>(reference)?;
            if flag.is_cancelled() {
                return Err(groma::Error::Cancelled.into());
            }
            job = job.cancel_with((*flag).clone());
        }
        let called = Cell::new(false);
        let progress = self.get("progress").and_then(Value::as_str);
        let answer = if progress == Some("stop") { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        if progress.is_some() {
            job = job.on_progress(|_| {
                called.set(true);
                answer
            });
        }
        let done = job.run(work);
        drop(job);
        if progress.is_some() && !called.get() {
            return Err(Trouble::Case("the progress callback was never called".into()));
        }
        Ok(done?)
    }
}

/// The error of the C skin for a number that no constant has.
pub fn out_of_range(name: &str, value: i64) -> groma::Error {
    groma::Error::invalid(format!("{name} is {value}"), "pass one of the constants")
}

/// The defaults of a struct of options, as Rust has them, by the names and numbers of C.
pub fn defaults(init: &str) -> Result<Value, String> {
    let long = json!({"threads": 0, "cancel": null, "progress": null, "progress_user": null, "linear_unit_m": 0});
    let more = match init {
        "groma_classify_options_init" => {
            let rust = ClassifyOptions::default();
            json!({
                "search": 0, "probabilities": u8::from(rust.probabilities), "block_size_m": 0,
                "write_confidence": u8::from(rust.write_confidence), "write_entropy": u8::from(rust.write_entropy),
                "point_format": -1, "overwrite": u8::from(rust.overwrite), "keep_classes": null, "keep_class_count": 0,
                "dtm": null,
            })
        }
        "groma_features_options_init" => {
            json!({"search": 0, "reserved": 0, "block_size_m": 0, "dtm": null, "device": null})
        }
        "groma_features_file_options_init" => {
            json!({"search": 0, "reserved": 0, "block_size_m": 0, "dtm": null, "device": null, "point_format": -1,
                "overwrite": 0})
        }
        "groma_ground_options_init" => {
            let rust = GroundOptions::default();
            json!({
                "height": 0, "keep_others": 0, "point_format": -1, "overwrite": 0, "cell_m": rust.cell_m.unwrap_or(0.0),
                "window_m": rust.window_m, "slope": rust.slope, "max_tolerance_m": rust.max_tolerance_m,
                "tolerance_m": rust.tolerance_m, "tolerance_slope": rust.tolerance_slope, "ignore_classes": null,
                "ignore_class_count": 0, "dtm": null, "dtm_cell_m": 0,
            })
        }
        "groma_filter_options_init" => {
            let (far, near) = (StatisticalOutliers::default(), RadiusOutliers::default());
            json!({
                "search": 0, "voxel_keep": 0, "mark": 0, "overwrite": 0, "neighbors": 0, "multiplier": far.multiplier,
                "radius_m": near.radius_m, "voxel_size_m": 0.5, "count": 0, "fraction": 0, "start_row": -1, "seed": 0,
                "device": null,
            })
        }
        "groma_network_options_init" => {
            json!({"optimization": 0, "reserved": 0, "device": null, "checkpoint": null, "extra_outputs": null,
                "extra_output_count": 0})
        }
        "groma_network_run_options_init" => json!({"reserved": 0}),
        "groma_run_options_init" => json!({
            "resume": 0, "skip_failed": 0, "assume_crs": 0, "keep_index": 0, "shard_number": 0, "shard_count": 0, "work": null,
        }),
        "groma_model_options_init" => json!({"reserved": 0, "manifest_json": null, "checkpoint": null, "device": null}),
        "groma_las_options_init" => json!({"point_format": -1, "overwrite": 0, "crs_wkt": null}),
        "groma_neighbors_options_init" => json!({"search": 0, "reserved": 0, "max_distance_m": 0, "device": null}),
        _ => return Err(format!("this runner does not know the defaults of {init}")),
    };
    let (Value::Object(mut all), Value::Object(more)) = (long, more) else { unreachable!() };
    all.extend(more);
    Ok(Value::Object(all))
}
